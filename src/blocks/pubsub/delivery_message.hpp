// What is sent to the app with events and what its replies mean: gRPC messages, the JSON envelope
// of bulk deliveries, and reading the answers. All input is hostile. Pure but for ids; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blocks/pubsub/delivery_result.hpp"
#include "blocks/pubsub/incoming_event.hpp"

namespace blocks::pubsub {

/// Whose event it is, as the app sees it.
struct EventPlace {
  std::string_view pubsub;
  std::string_view topic;  // as the app names it
  std::string_view path;   // as the subscription wrote it; empty without a route
};

/// A TopicEventRequest.
std::string TopicEventMessage(const IncomingEvent& event, const EventPlace& place);
/// A TopicEventBulkRequest; entry i has the id i in decimal.
std::string BulkEventMessage(std::span<const IncomingEvent* const> events, const EventPlace& place);
/// The same for HTTP apps.
std::string BulkEventJson(std::span<const IncomingEvent* const> events, const EventPlace& place);

/// What an HTTP app's answer to one event means. `body` matters for 2xx only.
DeliveryResult ReadHttpReply(int status, std::string_view body);
/// What a TopicEventResponse means.
DeliveryResult ReadTopicEventResponse(std::string_view message);
/// What the body of a 2xx to a bulk delivery of `entries` events means. An entry it does not
/// settle, and every one of a body that cannot be read, is kRetry.
std::vector<Answer> ReadBulkReply(std::string_view body, std::size_t entries);
/// The same of a TopicEventBulkResponse.
std::vector<Answer> ReadBulkResponse(std::string_view message, std::size_t entries);
/// TopicEventResponseStatus as a number.
Answer AnswerOfStatus(uint64_t status);

}  // namespace blocks::pubsub
