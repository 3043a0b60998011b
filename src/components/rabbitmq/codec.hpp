// What stands inside AMQP frames, in the terms of this folder: what the broker says (ServerMethod),
// message properties, argument tables. The wire form of methods and properties is librabbitmq's
// work; lengths and nesting are checked here before it sees them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "components/rabbitmq/frame_reader.hpp"

namespace components::rabbitmq {

/// Arguments of a declaration or a consumer.
using Argument = std::variant<bool, int64_t, std::string>;
using Arguments = std::vector<std::pair<std::string, Argument>>;

/// Properties of a message; empty texts are not sent.
struct Properties {
  std::string content_type;
  std::string content_encoding;
  std::string message_id;
  std::string correlation_id;
  std::string reply_to;
  std::string expiration;  // milliseconds, as text
  std::string type;
  std::string app_id;
  uint8_t delivery_mode = 0;  // 2 = on disk; 0 = not sent
  std::optional<uint8_t> priority;
  std::vector<std::pair<std::string, std::string>> headers;  // received: scalars as text
};

/// A method the broker sent. Which fields mean something depends on `id`; texts are views into the
/// frame.
struct ServerMethod {
  uint32_t id = 0;            // class << 16 | method, librabbitmq's AMQP_…_METHOD
  uint64_t delivery_tag = 0;  // deliver, ack, nack
  bool flag = false;          // deliver: redelivered; ack, nack: multiple
  uint16_t code = 0;          // close: why
  std::string_view text;      // close, blocked: why; consume-ok, cancel, deliver: consumer's tag;
                              // start: the mechanisms; declare-ok: the queue's name
  std::string_view exchange;  // deliver
  std::string_view routing_key;
  uint32_t message_count = 0;  // declare-ok
  uint32_t consumer_count = 0;
  uint16_t channel_max = 0;  // tune
  uint32_t frame_max = 0;
  uint16_t heartbeat = 0;
};

/// kProtocol on anything malformed or that no client of ours can be sent.
base::Result<ServerMethod> DecodeMethod(std::string_view payload);

/// A content header: what follows in body frames.
struct ContentHeader {
  uint64_t body_size = 0;
  std::string_view properties;  // for DecodeProperties
};
base::Result<ContentHeader> DecodeHeader(std::string_view payload);
base::Result<Properties> DecodeProperties(std::string_view properties);

/// Appends a method frame; `method` is librabbitmq's struct for `id`. kTooLarge if it fits no
/// frame of `max_frame`; nothing is appended then.
base::Status AppendMethod(std::string& out, uint16_t channel, uint32_t id, void* method,
                          std::size_t max_frame);
/// Appends header and body frames of a message.
base::Status AppendContent(std::string& out, uint16_t channel, const Properties& properties,
                           std::string_view body, std::size_t max_frame);

}  // namespace components::rabbitmq
