#include "components/pubsub/in_memory/broker.hpp"

#include <utility>

#include "base/strings.hpp"
#include "components/pubsub/in_memory/subscription.hpp"

namespace components::pubsub::in_memory {

async::Task<base::Status> Broker::Init(const contracts::Call&,
                                       const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  CO_ASSIGN_OR_RETURN(const int64_t length, properties.Int("queueLength", 10'000, 1));
  CO_ASSIGN_OR_RETURN(const int64_t bytes,
                      properties.Quantity("queueSize", int64_t{16} * 1024 * 1024));
  if (bytes < 1) co_return base::Fail(properties.Invalid("queueSize", "a size above 0"));
  CO_ASSIGN_OR_RETURN(publish_wait_, properties.Duration("publishWait", std::chrono::seconds(1)));
  const std::string concurrency =
      base::ToLower(base::Trim(properties.Find({"concurrency", "concurrencyMode"}).value_or("")));
  if (!concurrency.empty() && concurrency != "parallel" && concurrency != "single") {
    co_return base::Fail(properties.Invalid("concurrency", "single or parallel"));
  }
  side_by_side_ = concurrency == "parallel";
  limits_ = {.length = static_cast<std::size_t>(length), .bytes = static_cast<std::size_t>(bytes)};
  bus_ = std::make_shared<Bus>(limits_);
  co_return base::Status();
}

base::Error Broker::Full(std::string_view topic, bool paused) const {
  return base::Error(
      base::Kind::kExhausted,
      base::StrCat("the queue of a subscription of topic ", topic, " is full (", limits_.length,
                   " messages or ", limits_.bytes, " bytes) and ",
                   paused ? "the subscription is paused" : "its app handles them too slowly",
                   "; queueLength and queueSize of the component set the limits"));
}

std::optional<base::Status> Broker::PublishNow(contracts::PublishRequest& request) {
  Item item{std::move(request.topic), std::move(request.data), std::move(request.metadata), 0};
  switch (bus_->Publish(item)) {
    case Bus::Put::kTaken:
      return base::Status();
    case Bus::Put::kFullAndPaused:
      return base::Fail(Full(item.topic, true));
    case Bus::Put::kFull:
      break;
  }
  request.topic = std::move(item.topic);
  request.data = std::move(item.data);
  request.metadata = std::move(item.metadata);
  return std::nullopt;
}

async::Task<base::Status> Broker::Publish(const contracts::Call& call,
                                          contracts::PublishRequest request) {
  const auto waiter = std::make_shared<Bus::Waiter>(async::Loop::Current());
  waiter->item = {std::move(request.topic), std::move(request.data), std::move(request.metadata),
                  0};
  Bus::Put put = bus_->Publish(waiter);
  if (put == Bus::Put::kFull) {
    const auto limit = std::chrono::duration_cast<async::Duration>(publish_wait_);
    const async::Context context = call.Until(async::Loop::Current()->After(limit));
    while ((put = bus_->Result(*waiter)) == Bus::Put::kFull) {
      if (co_await waiter->bell->rung.Wait(context) == async::Wake::kReady) continue;
      put = bus_->Forget(waiter);
      break;
    }
  }
  if (put == Bus::Put::kTaken) co_return base::Status();
  if (call.canceled()) co_return base::Fail(base::Kind::kCanceled, "the caller went away");
  co_return base::Fail(Full(waiter->item.topic, put == Bus::Put::kFullAndPaused));
}

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Broker::Subscribe(
    const contracts::Call&, contracts::SubscribeRequest request,
    contracts::MessageHandler& handler) {
  co_return std::make_unique<Subscription>(bus_, request, handler, side_by_side_);
}

}  // namespace components::pubsub::in_memory
