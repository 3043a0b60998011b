// Makes a request ready to be sent over HTTP/1.1.
#include "http/http1_client.hpp"

namespace http {
namespace {

// A request without a body says so only where the method leads one to expect it.
bool ExpectsBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

base::Status Http1Request::Prepare(const RequestHead& head, Body* body) {
  ready = true;
  complete = true;
  SendOptions options;
  std::string_view chunk;
  Body::Poll poll = body ? body->TryRead(chunk) : Body::Poll::kEnd;
  if (poll == Body::Poll::kError) return std::unexpected(body->error());
  const auto length = body ? body->length() : std::nullopt;
  const bool trailers = poll == Body::Poll::kEnd && body && body->trailers();

  if (poll == Body::Poll::kEnd && !trailers) {
    if (ExpectsBody(head.method)) options.framing = SendFraming::kLength;
    AppendRequestHead(bytes, head, options);
    return {};
  }
  if (length && !trailers) {
    options.framing = framing = SendFraming::kLength;
    options.length = left = *length;
    AppendRequestHead(bytes, head, options);
    complete = false;
    if (poll == Body::Poll::kChunk) {
      if (chunk.size() > left) {
        return base::Fail(base::Kind::kInternal, "a request body is longer than it said");
      }
      if (chunk.size() > kCopy) {
        direct = chunk;
      } else {
        bytes.append(chunk);
        left -= chunk.size();
        // Asking on also tells the body that its piece is not needed any more.
        if (left == 0) {
          if (body->TryRead(chunk) == Body::Poll::kError) return std::unexpected(body->error());
          complete = true;
        }
      }
    }
    return {};
  }
  // Of unknown length. If all of it is here already, the length is known after all.
  std::string first;
  if (poll == Body::Poll::kChunk && chunk.size() <= kCopy) {
    first = StringPool::Take();
    first.assign(chunk);
    poll = body->TryRead(chunk);
    if (poll == Body::Poll::kError) return std::unexpected(body->error());
    if (poll == Body::Poll::kEnd && !body->trailers()) {
      options.framing = SendFraming::kLength;
      options.length = first.size();
      AppendRequestHead(bytes, head, options);
      bytes.append(first);
      StringPool::Give(std::move(first));
      return {};
    }
  }
  options.framing = framing = SendFraming::kChunked;
  AppendRequestHead(bytes, head, options);
  if (!first.empty()) {
    AppendChunkSize(bytes, first.size());
    bytes.append(first).append("\r\n");
    StringPool::Give(std::move(first));
  }
  complete = poll == Body::Poll::kEnd;
  if (complete) AppendLastChunk(bytes, body->trailers());
  if (poll == Body::Poll::kChunk) direct = chunk;
  return {};
}

}  // namespace http
