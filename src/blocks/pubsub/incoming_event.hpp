// IncomingEvent: a message from a broker and the CloudEvent that the app gets of it. Lives in the
// frame that deals with the message; not copied or moved, because views lead into it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "contracts/pubsub.hpp"

namespace blocks::pubsub {

class IncomingEvent {
 public:
  explicit IncomingEvent(contracts::Message message) : message_(std::move(message)) {}
  IncomingEvent(const IncomingEvent&) = delete;
  IncomingEvent& operator=(const IncomingEvent&) = delete;

  /// Reads the event, or makes one of bytes that are none: always if `raw`, and of messages in
  /// CloudEvents' binary mode. `topic` is the topic as the app names it. kInvalidArgument if the
  /// message is no event.
  base::Status Decode(std::string_view pubsub, std::string_view topic, bool raw);

  const contracts::Message& message() const { return message_; }
  contracts::Message& message() { return message_; }
  /// After Decode. The event's JSON text: the broker's own bytes unless the event was made here.
  std::string_view text() const { return event_.text(); }
  const CloudEvent& event() const { return event_; }
  bool raw() const { return raw_; }

  /// What a gRPC app gets as the event's data: JSON as it stands for JSON content types, else the
  /// bytes.
  std::string GrpcData() const;

 private:
  contracts::Message message_;
  std::string made_;
  CloudEvent event_;
  bool raw_ = false;
};

}  // namespace blocks::pubsub
