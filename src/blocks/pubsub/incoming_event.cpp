#include "blocks/pubsub/incoming_event.hpp"

namespace blocks::pubsub {
namespace {

std::string_view ContentType(const contracts::Message& message) {
  if (const std::string* type = message.metadata.FindIgnoreCase("content-type")) return *type;
  return message.content_type;
}

}  // namespace

base::Status IncomingEvent::Decode(std::string_view pubsub, std::string_view topic, bool raw) {
  raw_ = raw;
  std::string_view text = message_.data;
  if (raw) {
    made_ = BuildRawEvent(pubsub, topic, message_.data, message_.metadata);
    text = made_;
  } else if (const std::string_view type = ContentType(message_); IsBinaryType(type)) {
    made_ = BuildBinaryEvent(pubsub, topic, message_.data, type, message_.metadata);
    text = made_;
  }
  ASSIGN_OR_RETURN(event_, CloudEvent::Parse(text));
  return {};
}

std::string IncomingEvent::GrpcData() const {
  const std::string type = event_.String("datacontenttype").value_or("");
  if (IsJsonType(type) || IsCloudEventType(type)) {
    const std::string_view data = event_.Raw("data");
    if (!data.empty()) return data == "null" ? std::string() : std::string(data);
  }
  return event_.Data().value_or("");
}

}  // namespace blocks::pubsub
