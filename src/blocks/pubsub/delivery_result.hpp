// What became of one delivery to the app, in the terms that decide about the message.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace blocks::pubsub {

enum class Answer : uint8_t {
  kSuccess,
  kRetry,     // the app asks for the message again, or said something we do not know
  kDrop,      // the app does not want it: dead letter, or gone
  kNoRoute,   // HTTP 404: as kDrop
  kUnserved,  // the app takes no events of this kind at all: gone, without dead letter
  kFailed,    // it answered with an error
  kAway,      // the app is not there, so nothing was handled: the message is held
  kRefused,   // as kAway, by the word of something in front of the app
  kBroken,    // the connection broke while the app had the message
  kEnded,     // nobody waits for the delivery any more: the message goes back to the broker
};

struct DeliveryResult {
  Answer answer = Answer::kSuccess;
  std::string why;  // for the log; without anything of the event
};

/// Of a batch: one answer for all (`each` is empty), or one an entry, in their order.
struct BulkResult {
  DeliveryResult all;
  std::vector<Answer> each;
};

}  // namespace blocks::pubsub
