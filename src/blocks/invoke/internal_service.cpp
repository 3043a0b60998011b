#include "blocks/invoke/internal_service.hpp"

#include "base/strings.hpp"
#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/peer_call.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {
namespace {

constexpr std::string_view kService = "/dapr.proto.internals.v1.ServiceInvocation/";

grpc::Status StatusOf(const base::Error& error) {
  if (const base::RemoteStatus* remote = error.remote()) {
    return {static_cast<grpc::Code>(remote->code), remote->message, remote->details};
  }
  return {grpc::CodeOfKind(error.kind), error.message, {}};
}
std::unexpected<grpc::Status> Refuse(const base::Error& error) {
  return std::unexpected(StatusOf(error));
}
std::unexpected<grpc::Status> Refuse(grpc::Code code, std::string message) {
  return std::unexpected(grpc::Status{code, std::move(message), {}});
}

bool IsGzip(const http::Headers& metadata) {
  const auto encoding = metadata.Get("grpc-encoding");
  return encoding && *encoding == "gzip";
}

CallerIdentity IdentityOf(Caller caller, const http::Exchange& exchange) {
  return {std::move(caller.app_id), std::move(caller.app_namespace),
          std::string(exchange.peer_identity())};
}

void AppendBodyTrailers(const http::Headers* trailers, http::Headers& to) {
  if (!trailers) return;
  std::string name;
  for (const auto& [field, value] : *trailers) {
    if (http::IsHopByHop(field)) continue;
    to.Add(name.assign(kTrailerPrefix).append(base::ToLower(field)), value);
  }
}

}  // namespace

void InternalService::Register(grpc::Service& service) {
  grpc::Method local;
  local.unary = [this](grpc::ServerCall& call, std::string request) {
    return CallLocal(call, std::move(request));
  };
  service.Add(base::StrCat(kService, "CallLocal"), std::move(local));

  grpc::Method stream;
  stream.stream = [this](grpc::ServerStream& server) { return CallLocalStream(server); };
  service.Add(base::StrCat(kService, "CallLocalStream"), std::move(stream));

  for (const std::string_view name : {"CallActor", "CallActorReminder", "CallActorStream"}) {
    grpc::Method actor;
    actor.try_unary = [](grpc::ServerCall&, std::string_view) -> std::optional<grpc::UnaryReply> {
      return Refuse(grpc::Code::kUnavailable, "actor runtime is not available");
    };
    actor.unary = [](grpc::ServerCall&, std::string) -> async::Task<grpc::UnaryReply> {
      co_return Refuse(grpc::Code::kUnavailable, "actor runtime is not available");
    };
    service.Add(base::StrCat(kService, name), std::move(actor));
  }
}

async::Task<grpc::UnaryReply> InternalService::CallLocal(grpc::ServerCall& server,
                                                         std::string message) {
  auto decoded = DecodeRequest(message);
  if (!decoded) co_return Refuse(decoded.error());
  contracts::Call call(server.context());
  const auto trace = TraceOf(server.metadata());
  if (trace) call.trace = &*trace;
  auto body = http::StringBody::View(decoded->data);
  decoded->request.body = &body;
  const CallerIdentity caller = IdentityOf(std::move(decoded->caller), server.exchange());
  auto response = co_await callee_->Call(call, decoded->request, caller);
  if (!response) co_return Refuse(response.error());
  auto data = co_await http::ReadAll(*response->body, call, callee_->max_message());
  if (!data) co_return Refuse(data.error());
  std::string reply;
  AppendResponse(*response, response->body->trailers(), *data, reply);
  co_return reply;
}

async::Task<grpc::CallStatus> InternalService::CallLocalStream(grpc::ServerStream& stream) {
  grpc::ServerCall& server = stream.call();
  http::Exchange& exchange = server.exchange();
  contracts::Call call(server.context());
  const auto trace = TraceOf(server.metadata());
  if (trace) call.trace = &*trace;

  MessageSource source(exchange.body(), callee_->max_message(), IsGzip(server.metadata()));
  source.set_account(exchange.account());
  auto got = co_await NextMessage(source, call);
  if (!got) co_return Refuse(got.error());
  if (!*got) co_return Refuse(grpc::Code::kInvalidArgument, "the stream has no message");
  auto first = ParseStreamMessage(**got);
  if (!first) co_return Refuse(grpc::Code::kInvalidArgument, first.error().message);
  if (!first->head) {
    co_return Refuse(grpc::Code::kInvalidArgument, "request does not contain a message");
  }
  auto decoded = DecodeRequest(*first->head);
  if (!decoded) co_return Refuse(decoded.error());
  if (first->data && first->seq != 0) {
    co_return Refuse(
        grpc::Code::kInternal,
        base::StrCat("invalid sequence number received: ", first->seq, " (expected: 0)"));
  }
  // Payload in the head's own message part is legal too.
  PayloadBody body(source, first->data.value_or(decoded->data), first->data ? 1 : 0, true);
  if (!source.exhausted()) {
    if (const auto text = decoded->request.headers.Get("content-length")) {
      if (const auto length = base::ParseUint<uint64_t>(*text)) body.set_length(*length);
    }
  }
  decoded->request.body = &body;
  const CallerIdentity caller = IdentityOf(std::move(decoded->caller), exchange);
  auto response = co_await callee_->Call(call, decoded->request, caller);
  if (!response) co_return Refuse(response.error());

  // The head, with the beginning of the body if that is there.
  http::Body& answer = *response->body;
  std::string out;
  std::string_view chunk;
  http::Body::Poll poll = answer.TryRead(chunk);
  if (poll == http::Body::Poll::kError) {
    co_return Refuse(grpc::Code::kInternal, answer.error().message);
  }
  const std::size_t message = BeginMessage(out);
  const std::size_t head = wire::Open(out, 1);
  AppendResponse(*response, response->grpc_code >= 0 ? answer.trailers() : nullptr, {}, out);
  wire::Close(out, head);
  uint64_t seq = 0;
  if (poll == http::Body::Poll::kChunk) {
    const std::string_view piece = chunk.substr(0, kPayloadSize);
    chunk.remove_prefix(piece.size());
    AppendPayload(out, piece, seq++);
  }
  EndMessage(out, message);
  stream.SendInitialMetadata();
  exchange.Write(out);

  while (true) {
    if (poll == http::Body::Poll::kChunk) {
      while (!chunk.empty()) {
        const std::string_view piece = chunk.substr(0, kPayloadSize);
        chunk.remove_prefix(piece.size());
        out.clear();
        AppendPayloadHeader(out, piece.size(), seq++);
        exchange.Write(out);
        exchange.Write(piece);
      }
      if (exchange.congested()) {
        if (auto drained = co_await exchange.Drain(call); !drained) {
          co_return Refuse(drained.error());
        }
      }
    }
    auto next = co_await http::NextChunk(answer, call);
    if (!next) {
      const base::Kind kind = next.error().kind;
      const bool ended = kind == base::Kind::kTimeout || kind == base::Kind::kCanceled;
      co_return Refuse(ended ? grpc::CodeOfKind(kind) : grpc::Code::kInternal,
                       next.error().message);
    }
    if (!*next) break;
    chunk = **next;
    poll = http::Body::Poll::kChunk;
  }
  if (response->grpc_code < 0) {
    AppendBodyTrailers(answer.trailers(), server.trailing_metadata());
  }
  co_return grpc::CallStatus();
}

}  // namespace blocks::invoke
