#include "components/pubsub/rabbitmq/subscription.hpp"

#include "base/strings.hpp"

namespace components::pubsub::rabbitmq {

using base::StrCat;

namespace {

// What the publisher has set beside the body. What cannot be read is left out: the message counts.
contracts::Metadata MetadataOf(const std::string& raw) {
  contracts::Metadata metadata;
  const auto properties = components::rabbitmq::DecodeProperties(raw);
  if (!properties) return metadata;
  const auto put = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) metadata.Set(name, value);
  };
  put("metadata.messageid", properties->message_id);
  put("metadata.correlationid", properties->correlation_id);
  put("metadata.type", properties->type);
  put("metadata.contenttype", properties->content_type);
  for (const auto& [name, value] : properties->headers) {
    metadata.Set(StrCat("metadata.", name), value);
  }
  return metadata;
}

}  // namespace

async::Task<base::Result<std::optional<int64_t>>> Subscription::Backlog(
    const contracts::Call& call) {
  auto count = co_await consumer_.Backlog(call);
  if (!count) co_return std::unexpected(std::move(count).error());
  co_return std::optional<int64_t>(*count);
}

async::Task<contracts::Verdict> Subscription::OnMessage(const contracts::Call& call,
                                                        components::rabbitmq::Delivery delivery) {
  contracts::Message message{.topic = topic_, .data = std::move(delivery.body)};
  if (properties_to_metadata_) message.metadata = MetadataOf(delivery.properties);
  co_return co_await handler_.Handle(call, std::move(message));
}

}  // namespace components::pubsub::rabbitmq
