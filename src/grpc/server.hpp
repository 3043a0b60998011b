// gRPC on the server side: finds the method, unwraps messages, wraps replies. One Service object
// serves all loops; what it holds is fixed before the first request.
//
// Methods work on serialized messages. Typed adapters (protobuf) are the api folder's; a path
// nobody has registered goes to the fallback exchange handler untouched, which is how proxying
// stays free of parsing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "async/task.hpp"
#include "base/result.hpp"
#include "grpc/message.hpp"
#include "grpc/status.hpp"
#include "http/exchange.hpp"

namespace grpc {

/// One call as its method sees it. Lives for the duration of the call.
class ServerCall {
 public:
  ServerCall(http::Exchange& exchange, async::TimePoint now);

  http::Exchange& exchange() { return exchange_; }
  /// Request metadata (all header fields).
  const http::Headers& metadata() const { return exchange_.request().headers; }
  std::string_view method() const { return exchange_.request().target; }
  /// Deadline from grpc-timeout, canceled when the caller goes away.
  const async::Context& context() const { return context_; }
  /// Sent with the first message, or with the status if there is none.
  http::Headers& initial_metadata() { return initial_; }
  http::Headers& trailing_metadata() { return trailing_; }

 private:
  http::Exchange& exchange_;
  async::Context context_;
  http::Headers initial_;
  http::Headers trailing_;
};

/// The two halves of a streaming call.
class ServerStream {
 public:
  ServerStream(ServerCall& call, std::size_t max_message, bool gzip_in, bool gzip_out);
  ServerCall& call() { return call_; }
  /// The next message of the caller, nothing once it has closed its side.
  async::Task<base::Result<std::optional<std::string>>> Read() { return Read(call_.context()); }
  async::Task<base::Result<std::optional<std::string>>> Read(const async::Context& context);
  /// Sends one message and waits while the caller is slow. kCanceled if it has gone.
  async::Task<base::Status> Write(std::string_view message);
  /// Sends initial metadata now instead of with the first message.
  void SendInitialMetadata();

 private:
  ServerCall& call_;
  MessageReader reader_;
  const bool gzip_out_;
};

/// What a method returns: nothing, or the status to send.
using CallStatus = std::expected<void, Status>;
/// A unary method's reply: the serialized response, or the status to send.
using UnaryReply = std::expected<std::string, Status>;

struct Method {
  /// Answers at once without waiting, or nullopt to be called again through `unary`.
  std::function<std::optional<UnaryReply>(ServerCall&, std::string_view request)> try_unary;
  std::function<async::Task<UnaryReply>(ServerCall&, std::string request)> unary;
  /// Any kind of stream; set this or `unary`.
  std::function<async::Task<CallStatus>(ServerStream&)> stream;
};

/// Told when a call has ended, for metrics and API logs. On the call's loop.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnEnd(const ServerCall& call, Code code, bool unary, std::size_t request_bytes,
                     std::size_t response_bytes) = 0;
  /// May refuse a call before its method runs (token, API deny list).
  virtual std::optional<Status> OnStart(ServerCall&) { return std::nullopt; }
};

class Service final : public http::Handler {
 public:
  struct Options {
    std::size_t max_message = kDefaultMaxMessage;
    CallObserver* observer = nullptr;   // not owned
    http::Handler* fallback = nullptr;  // not owned; unknown methods. Null: Unimplemented.
  };
  explicit Service(const Options& options) : options_(options) {}

  /// `path` is "/package.Service/Method". Before the first request only.
  void Add(std::string path, Method method);
  bool Has(std::string_view path) const { return methods_.contains(std::string(path)); }
  /// The full names of registered services, sorted; for reflection.
  std::vector<std::string> ServiceNames() const;

  bool TryHandle(http::Exchange& exchange) override;
  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  const Method* Find(std::string_view path) const;
  void Finish(ServerCall& call, const UnaryReply& reply, std::size_t request_bytes);

  const Options options_;
  std::unordered_map<std::string, Method, Hash, std::equal_to<>> methods_;
};

/// Ends an exchange with a status and no message ("trailers only").
void RespondStatus(http::Exchange& exchange, const Status& status,
                   const http::Headers* extra = nullptr);

}  // namespace grpc
