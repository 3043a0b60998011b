#include "components/pubsub/mqtt3/broker.hpp"

#include <utility>

#include "base/strings.hpp"
#include "components/pubsub/mqtt3/subscription.hpp"

namespace components::pubsub::mqtt3 {

using base::Kind;

async::Task<base::Status> Broker::Init(const contracts::Call& call,
                                       const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  CO_ASSIGN_OR_RETURN(mqtt::Settings settings, mqtt::ReadSettings(properties, false));
  CO_ASSIGN_OR_RETURN(settings.client_id, properties.Require("consumerID"));
  if (settings.client_id.size() > mqtt::kMaxString) {
    co_return base::Fail(properties.Invalid("consumerID", "shorter"));
  }
  CO_ASSIGN_OR_RETURN(const int64_t qos, properties.Int("qos", 1, 0, 2));
  qos_ = static_cast<uint8_t>(qos);
  retain_ = properties.Bool("retain", false);
  clean_session_ = settings.clean_session;
  const std::string concurrency = base::ToLower(base::Trim(properties.Get("concurrency")));
  if (!concurrency.empty() && concurrency != "parallel" && concurrency != "single") {
    co_return base::Fail(properties.Invalid("concurrency", "parallel or single"));
  }
  single_ = concurrency == "single";
  client_ = std::make_shared<mqtt::Client>(std::move(settings), limits_);
  co_return co_await client_->Start(call);
}

async::Task<base::Status> Broker::Ping(const contracts::Call& call) {
  if (!client_) co_return base::Fail(Kind::kUnavailable, "the component has not been started");
  co_return co_await client_->Check(call);
}

async::Task<void> Broker::Close(const contracts::Call& call) {
  if (client_) co_await client_->Close(call);
}

async::Task<base::Status> Broker::Publish(const contracts::Call& call,
                                          contracts::PublishRequest request) {
  const std::string* const retain = request.metadata.FindIgnoreCase("retain");
  co_return co_await client_->Publish(
      call, {.topic = std::move(request.topic),
             .payload = std::move(request.data),
             .qos = qos_,
             .retain = retain ? base::ParseBoolTruthy(*retain) : retain_});
}

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Broker::Subscribe(
    const contracts::Call& call, contracts::SubscribeRequest request,
    contracts::MessageHandler& handler) {
  CO_ASSIGN_OR_RETURN(mqtt::Filter filter, mqtt::Filter::Parse(request.topic));
  const std::string* const forget = request.metadata.FindIgnoreCase("unsubscribeOnClose");
  auto subscription = std::make_unique<Subscription>(
      client_, handler,
      Subscription::Options{
          .unsubscribe = clean_session_ || (forget && base::ParseBoolTruthy(*forget)),
          .single = single_});
  base::Status status =
      co_await client_->Subscribe(call, std::move(filter), qos_, subscription->receiver());
  if (status) co_return subscription;
  // What came before the failure goes back.
  const contracts::Call at_once(async::Context(async::Loop::Current()->now()));
  co_await subscription->Close(at_once);
  co_return std::unexpected(std::move(status).error());
}

}  // namespace components::pubsub::mqtt3
