// Writes HTTP/1.1 heads (private to http/).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace http {

/// How the body of a message being sent is delimited.
enum class SendFraming : unsigned char {
  kNone,     // there is no body and no field about it
  kLength,   // Content-Length
  kChunked,  // Transfer-Encoding: chunked
  kClose,    // the connection's end (responses to HTTP/1.0 only)
};

struct SendOptions {
  SendFraming framing = SendFraming::kNone;
  uint64_t length = 0;
  int minor = 1;            // HTTP/1.<minor>
  bool close = false;       // Connection: close
  bool keep_alive = false;  // Connection: keep-alive, for HTTP/1.0
};

/// Appends a final response's head. The head's own framing fields are left out; Date is added
/// unless it is there.
void AppendResponseHead(std::string& out, const ResponseHead& head, const SendOptions& options);
/// Appends an interim response.
void AppendInterimHead(std::string& out, const ResponseHead& head);
/// Appends a request's head.
void AppendRequestHead(std::string& out, const RequestHead& head, const SendOptions& options);
/// Appends the size line of a chunk.
void AppendChunkSize(std::string& out, std::size_t size);
/// Appends the last chunk with its trailers, which may be null.
void AppendLastChunk(std::string& out, const Headers* trailers);
/// "Date: Mon, 06 May 2024 07:08:09 GMT\r\n" of the current second. Valid until the next call.
std::string_view DateLine();
/// The length field of `head`, if there is one and it is a number.
std::optional<uint64_t> ContentLength(const Headers& headers);
/// True if the fields ask for the connection to be closed.
bool WantsClose(const Headers& headers);

}  // namespace http
