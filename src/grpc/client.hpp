// gRPC on the client side, over the loop's http::Client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "grpc/message.hpp"
#include "grpc/status.hpp"
#include "http/client.hpp"

namespace grpc {

struct UnaryResult {
  Status status;
  std::string message;    // when status is OK
  http::Headers initial;  // response header fields
  http::Headers trailing;
};

/// Calls one peer. A small value: cheap to make per call.
class Channel {
 public:
  /// `authority` goes into :authority. `client` belongs to the current loop and outlives the calls.
  Channel(http::Client& client, http::Origin origin, std::string authority,
          std::size_t max_message = kDefaultMaxMessage);

  /// A unary call. The error side is for calls that got no gRPC answer at all (kUnavailable,
  /// kTimeout, kCanceled, kProtocol); a peer's status, good or bad, is in the result.
  async::Task<base::Result<UnaryResult>> Unary(const async::Context& context, std::string_view path,
                                               const http::Headers& metadata,
                                               std::string_view message);

 private:
  friend class ClientStream;
  http::RequestHead Head(const async::Context& context, std::string_view path,
                         const http::Headers& metadata) const;
  http::Client& client_;
  http::Origin origin_;
  std::string authority_;
  std::size_t max_message_;
};

/// A streaming call. Write from one coroutine, read from the same or another. Dropping it before
/// the end resets the stream.
class ClientStream {
 public:
  /// `high_water`: bytes of messages not taken by the connection yet from which on it is congested.
  ClientStream(const Channel& channel, std::string_view path, http::Headers metadata,
               std::size_t high_water = std::size_t{64} << 10);
  ~ClientStream();
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  /// Sends the head and waits for the peer's response head. Messages may be queued before (first
  /// message with the head, no extra round trip).
  async::Task<base::Status> Open(const async::Context& context);
  /// Queues a message; keep to Drain between large ones.
  void Write(std::string_view message);
  async::Task<base::Status> Drain(const async::Context& context) { return body_.Drain(context); }
  bool congested() const { return body_.full(); }
  /// Half-closes: no more messages from us.
  void CloseSend() { body_.Close(); }

  /// The next message of the peer, nothing at the end; then `status()` is final.
  async::Task<base::Result<std::optional<std::string>>> Read(const async::Context& context);
  const Status& status() const { return status_; }
  const http::Headers& initial() const { return response_.head.headers; }
  const http::Headers& trailing() const;

 private:
  Channel channel_;
  std::string path_;
  http::Headers metadata_;
  http::PipeBody body_;
  http::Response response_;
  std::optional<MessageReader> reader_;
  Status status_;
  bool ended_ = false;
};

}  // namespace grpc
