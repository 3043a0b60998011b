#include "components/pubsub/rabbitmq/broker.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "components/pubsub/rabbitmq/subscription.hpp"
#include "telemetry/log.hpp"

namespace components::pubsub::rabbitmq {

using base::StrCat;

namespace {

constexpr std::chrono::seconds kSubscribe(60);

const telemetry::Log& Log() {
  static const telemetry::Log kLog("dapr.contrib");
  return kLog;
}

}  // namespace

async::Task<base::Status> Broker::Init(const contracts::Call& call,
                                       const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, ReadSettings(request.properties));
  CO_ASSIGN_OR_RETURN(client_,
                      components::rabbitmq::Client::Make(settings_.connection, settings_.confirms));
  base::Status reached = co_await client_->Ping(call);
  if (!reached) {
    // Nobody closes a component that did not start.
    co_await client_->Close(async::Context());
    client_.reset();
  }
  co_return reached;
}

async::Task<base::Status> Broker::Ping(const contracts::Call& call) {
  co_return co_await client_->Ping(call);
}

async::Task<void> Broker::Close(const contracts::Call&) {
  // Bounded by itself; what it serves must be gone before the component is.
  if (client_) co_await client_->Close(async::Context());
  client_.reset();
}

async::Task<base::Status> Broker::Publish(const contracts::Call& call,
                                          contracts::PublishRequest request) {
  if (request.topic.empty()) {
    co_return base::Fail(base::Kind::kInvalidArgument,
                         StrCat("component ", settings_.component, ": the topic is empty"));
  }
  CO_ASSIGN_OR_RETURN(const components::rabbitmq::Outgoing message,
                      MessageOf(settings_, std::move(request)));
  co_return co_await client_->publisher().Publish(call, message);
}

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Broker::Subscribe(
    const contracts::Call& call, contracts::SubscribeRequest request,
    contracts::MessageHandler& handler) {
  CO_ASSIGN_OR_RETURN(components::rabbitmq::ConsumerOptions options,
                      ConsumerOf(settings_, request));
  if (options.auto_delete && !settings_.delete_unused_given) {
    Log().Info(StrCat("component ", settings_.component, ": the queue ", options.queue,
                      " goes, with what waits in it, when this runtime ends or loses its "
                      "connection; deletedWhenUnused: false keeps it"));
  }
  auto subscription =
      std::make_unique<Subscription>(client_->consuming(), handler, std::move(request.topic),
                                     settings_.properties_to_metadata, std::move(options));
  const async::Context limited = call.Until(async::Loop::Current()->After(kSubscribe));
  CO_RETURN_IF_ERROR(co_await subscription->Start(limited));
  co_return std::move(subscription);
}

}  // namespace components::pubsub::rabbitmq
