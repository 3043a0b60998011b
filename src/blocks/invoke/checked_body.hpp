// The limit on the size of a gRPC message where messages only pass through: the length prefixes are
// read as the chunks go by, and nothing is held. One object per direction of a call, on its loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/body.hpp"

namespace blocks::invoke {

/// Follows a stream of length-prefixed messages.
class PrefixScanner {
 public:
  /// `max_message` in bytes, as they are on the wire; 0 = no limit.
  explicit PrefixScanner(std::size_t max_message) : max_message_(max_message) {}

  /// Looks at the next chunk. False once a message is announced that is over the limit.
  bool Scan(std::string_view chunk);
  std::size_t max_message() const { return max_message_; }
  /// What the message announced last has, in bytes.
  uint32_t announced() const { return announced_; }

 private:
  std::size_t max_message_;
  uint64_t left_ = 0;  // of the message the stream is in
  uint32_t announced_ = 0;
  uint8_t prefix_ = 0;  // bytes seen of the prefix the stream is in
};

/// Hands on a body as it is, until a message in it is too large: then reading fails with kTooLarge.
class CheckedBody final : public http::Body {
 public:
  /// `body` outlives this object.
  CheckedBody(http::Body& body, std::size_t max_message) : body_(body), scanner_(max_message) {}

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override { body_.OnReady(waiter); }
  base::Error error() const override;
  const http::Headers* trailers() const override { return body_.trailers(); }
  std::optional<std::string_view> Whole() override;
  std::optional<uint64_t> length() const override { return body_.length(); }

  bool Rewind() override;

  bool exceeded() const { return exceeded_; }
  std::size_t max_message() const { return scanner_.max_message(); }

 private:
  http::Body& body_;
  PrefixScanner scanner_;
  bool exceeded_ = false;
};

}  // namespace blocks::invoke
