// gRPC's length-prefixed messages inside an HTTP body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "http/body.hpp"

namespace grpc {

/// Default message limit of gRPC (and of --max-body-size).
inline constexpr std::size_t kDefaultMaxMessage = 4 * 1024 * 1024;

/// Appends the five-byte prefix and the message. `gzip`: compressed, with the flag set.
void AppendFrame(std::string_view message, bool gzip, std::string& out);

/// Decompresses a gzip member of at most `limit` bytes of output. kTooLarge past it, kInternal on
/// bad data (gRPC's code for undecodable messages).
base::Result<std::string> Gunzip(std::string_view data, std::size_t limit);
std::string Gzip(std::string_view data);

/// Cuts messages out of a stream of chunks. Holds at most one message.
class FrameParser {
 public:
  /// `gzip`: the peer declared grpc-encoding gzip, so that compressed messages are allowed.
  FrameParser(std::size_t max_message, bool gzip) : max_message_(max_message), gzip_(gzip) {}

  /// Takes from the front of `data` (which is advanced) until a message is complete.
  /// A message, nothing if more data is needed, or an error: kTooLarge, kUnimplemented (compressed
  /// without a declared encoding), kInternal (bad flag, bad gzip).
  base::Result<std::optional<std::string>> Next(std::string_view& data);
  /// The length of the message that has begun, as its prefix says; 0 if that is not known yet.
  std::size_t expected() const { return header_size_ == sizeof header_ ? expected_ : 0; }
  /// True between messages: the stream may end here.
  bool at_boundary() const { return header_size_ == 0; }

 private:
  const std::size_t max_message_;
  const bool gzip_;
  char header_[5];
  uint8_t header_size_ = 0;
  uint32_t expected_ = 0;
  std::string message_;
};

/// Reads messages from a body.
class MessageReader {
 public:
  MessageReader(http::Body& body, std::size_t max_message, bool gzip)
      : body_(body), parser_(max_message, gzip) {}
  /// The next message, nothing at a clean end. kInternal if the body ends inside a message.
  async::Task<base::Result<std::optional<std::string>>> Next(const async::Context& context);

 private:
  http::Body& body_;
  FrameParser parser_;
  std::string_view chunk_;
};

}  // namespace grpc
