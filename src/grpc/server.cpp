#include "grpc/server.hpp"

#include <set>

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace grpc {
namespace {

bool IsGrpc(const http::Headers& headers) {
  const auto type = headers.Get("content-type");
  return type && type->starts_with("application/grpc");
}

// The encoding of the caller's messages: identity, gzip, or one we do not have.
enum class Encoding : unsigned char { kIdentity, kGzip, kUnknown };
Encoding RequestEncoding(const http::Headers& headers) {
  const auto encoding = headers.Get("grpc-encoding");
  if (!encoding || *encoding == "identity" || encoding->empty()) return Encoding::kIdentity;
  return *encoding == "gzip" ? Encoding::kGzip : Encoding::kUnknown;
}

http::ResponseHead Head(ServerCall& call, bool gzip) {
  http::ResponseHead head;
  head.headers.Reserve(4 + call.initial_metadata().size(), 128);
  head.headers.Add("content-type", "application/grpc");
  if (gzip) head.headers.Add("grpc-encoding", "gzip");
  for (const auto& [name, value] : call.initial_metadata()) head.headers.Add(name, value);
  return head;
}

Status StatusOf(const base::Error& error) {
  return {CodeOfKind(error.kind), error.message, {}};
}

Status RefusedEncoding(const ServerCall& call) {
  return {Code::kUnimplemented,
          base::StrCat("grpc: Decompressor is not installed for grpc-encoding \"",
                       call.metadata().Get("grpc-encoding").value_or(""), "\""),
          {}};
}

std::unexpected<base::Error> NoMessage() {
  return base::Fail(base::Kind::kInternal, "grpc: the request of a unary call has no message");
}
std::unexpected<base::Error> MoreThanOne() {
  return base::Fail(base::Kind::kInternal,
                    "grpc: the request of a unary call has more than one message");
}

// Cuts the one message a unary call must have out of its body.
base::Result<std::string> OnlyMessage(std::string_view body, std::size_t max_message, bool gzip) {
  FrameParser parser(max_message, gzip);
  ASSIGN_OR_RETURN(std::optional<std::string> message, parser.Next(body));
  if (!message) return NoMessage();
  if (!body.empty()) return MoreThanOne();
  return std::move(*message);
}

// The same as it comes. The message is held once, and the account is told its length as soon as
// that is known.
async::Task<base::Result<std::string>> ReadOnlyMessage(http::Exchange& exchange,
                                                       const async::Context& context,
                                                       std::size_t max_message, bool gzip) {
  http::BodyAccount* const account = exchange.account();
  FrameParser parser(max_message, gzip);
  std::optional<std::string> message;
  bool told = false;
  while (true) {
    CO_ASSIGN_OR_RETURN(auto chunk, co_await http::NextChunk(exchange.body(), context));
    if (!chunk) break;
    if (!message) {
      CO_ASSIGN_OR_RETURN(message, parser.Next(*chunk));
      // The end of the stream may be long in coming, and what was compressed is larger now.
      if (account && message && !account->Hold(message->size(), false)) {
        co_return base::Fail(*account->refusal());
      }
      if (account && !message && !told && parser.expected() > 0) {
        told = true;
        if (!account->Hold(parser.expected(), false)) co_return base::Fail(*account->refusal());
      }
    }
    if (message && !chunk->empty()) co_return MoreThanOne();
  }
  if (!message) co_return NoMessage();
  if (account && !account->Hold(message->size(), true)) co_return base::Fail(*account->refusal());
  co_return *std::move(message);
}

}  // namespace

void RespondStatus(http::Exchange& exchange, const Status& status, const http::Headers* extra) {
  http::ResponseHead head;
  head.headers.Add("content-type", "application/grpc");
  if (extra) {
    for (const auto& [name, value] : *extra) head.headers.Add(name, value);
  }
  AppendStatus(status, head.headers);
  exchange.Respond(head, {});
}

ServerCall::ServerCall(http::Exchange& exchange, async::TimePoint now) : exchange_(exchange) {
  context_.cancel = &exchange.cancel();
  if (const auto timeout = exchange.request().headers.Get("grpc-timeout")) {
    std::chrono::nanoseconds wait;
    if (ParseTimeout(*timeout, wait) && wait < async::kForever - now)
      context_.deadline = now + wait;
  }
}

ServerStream::ServerStream(ServerCall& call, std::size_t max_message, bool gzip_in, bool gzip_out)
    : call_(call), reader_(call.exchange().body(), max_message, gzip_in), gzip_out_(gzip_out) {}

async::Task<base::Result<std::optional<std::string>>> ServerStream::Read(
    const async::Context& context) {
  return reader_.Next(context);
}

void ServerStream::SendInitialMetadata() {
  if (!call_.exchange().started()) call_.exchange().Start(Head(call_, gzip_out_));
}

async::Task<base::Status> ServerStream::Write(std::string_view message) {
  SendInitialMetadata();
  std::string frame;
  frame.reserve(message.size() + 5);
  AppendFrame(message, gzip_out_, frame);
  call_.exchange().Write(frame);
  if (!call_.exchange().congested()) co_return base::Status();
  co_return co_await call_.exchange().Drain(call_.context());
}

void Service::Add(std::string path, Method method) {
  methods_.insert_or_assign(std::move(path), std::move(method));
}

std::vector<std::string> Service::ServiceNames() const {
  std::set<std::string> names;
  for (const auto& [path, method] : methods_) names.insert(path.substr(1, path.rfind('/') - 1));
  return {names.begin(), names.end()};
}

const Method* Service::Find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

void Service::Finish(ServerCall& call, const UnaryReply& reply, std::size_t request_bytes) {
  http::Exchange& exchange = call.exchange();
  const bool gzip = RequestEncoding(call.metadata()) == Encoding::kGzip;
  if (reply) {
    http::Headers trailers;
    trailers.Reserve(1 + call.trailing_metadata().size(), 64);
    for (const auto& [name, value] : call.trailing_metadata()) trailers.Add(name, value);
    trailers.Add("grpc-status", "0");
    std::string frame;
    frame.reserve(reply->size() + 5);
    AppendFrame(*reply, gzip, frame);
    exchange.Start(Head(call, gzip));
    exchange.Write(frame);
    exchange.Finish(&trailers);
  } else {
    http::Headers extra;
    for (const auto& [name, value] : call.initial_metadata()) extra.Add(name, value);
    for (const auto& [name, value] : call.trailing_metadata()) extra.Add(name, value);
    RespondStatus(exchange, reply.error(), &extra);
  }
  if (options_.observer) {
    options_.observer->OnEnd(call, reply ? Code::kOk : reply.error().code, true, request_bytes,
                             reply ? reply->size() : 0);
  }
}

bool Service::TryHandle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  const Method* method = Find(request.target);
  if (!method) {
    return options_.fallback && IsGrpc(request.headers) && options_.fallback->TryHandle(exchange);
  }
  if (!method->try_unary || request.method != "POST" || !IsGrpc(request.headers)) return false;
  const Encoding encoding = RequestEncoding(request.headers);
  if (encoding == Encoding::kUnknown) return false;
  // Only when the whole request is one chunk that is here already; anything else waits its turn.
  const auto body = exchange.body().Whole();
  if (!body) return false;
  auto message = OnlyMessage(*body, options_.max_message, encoding == Encoding::kGzip);
  if (!message) return false;
  ServerCall call(exchange, async::Loop::Current()->now());
  if (options_.observer) {
    if (auto refused = options_.observer->OnStart(call)) {
      Finish(call, std::unexpected(std::move(*refused)), body->size());
      return true;
    }
  }
  auto reply = method->try_unary(call, *message);
  if (!reply) return false;
  Finish(call, *reply, message->size());
  return true;
}

async::Task<void> Service::Handle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  if (request.method != "POST" || !IsGrpc(request.headers)) {
    http::ResponseHead head;
    head.status = request.method != "POST" ? 405 : 415;
    if (head.status == 405) head.headers.Add("allow", "POST");
    head.headers.Add("content-type", "text/plain; charset=utf-8");
    exchange.Respond(head, "this port speaks gRPC\n");
    co_return;
  }
  const Method* method = Find(request.target);
  if (!method && options_.fallback) {
    co_await options_.fallback->Handle(exchange);
    co_return;
  }
  ServerCall call(exchange, async::Loop::Current()->now());
  if (!method) {
    Finish(call,
           std::unexpected(
               Status{Code::kUnimplemented, base::StrCat("unknown method ", request.target), {}}),
           0);
    co_return;
  }
  if (options_.observer) {
    if (auto refused = options_.observer->OnStart(call)) {
      Finish(call, std::unexpected(std::move(*refused)), 0);
      co_return;
    }
  }
  const Encoding encoding = RequestEncoding(request.headers);
  if (encoding == Encoding::kUnknown) {
    call.trailing_metadata().Add("grpc-accept-encoding", "gzip");
    Finish(call, std::unexpected(RefusedEncoding(call)), 0);
    co_return;
  }
  const bool gzip = encoding == Encoding::kGzip;
  if (method->stream) {
    ServerStream stream(call, options_.max_message, gzip, gzip);
    const CallStatus status = co_await method->stream(stream);
    if (!exchange.started()) {
      if (status) {
        stream.SendInitialMetadata();
      } else {
        Finish(call, std::unexpected(status.error()), 0);
        co_return;
      }
    }
    http::Headers trailers;
    for (const auto& [name, value] : call.trailing_metadata()) trailers.Add(name, value);
    AppendStatus(status ? Status{} : status.error(), trailers);
    exchange.Finish(&trailers);
    if (options_.observer) {
      options_.observer->OnEnd(call, status ? Code::kOk : status.error().code, false, 0,
                               exchange.sent());
    }
    co_return;
  }
  auto message = co_await ReadOnlyMessage(exchange, call.context(), options_.max_message, gzip);
  if (!message) {
    Finish(call, std::unexpected(StatusOf(message.error())), 0);
    co_return;
  }
  const std::size_t request_bytes = message->size();
  const UnaryReply reply = co_await method->unary(call, std::move(*message));
  Finish(call, reply, request_bytes);
}

}  // namespace grpc
