#include "blocks/invoke/peer_call.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/wire.hpp"
#include "grpc/client.hpp"
#include "grpc/status.hpp"
#include "telemetry/trace.hpp"

namespace blocks::invoke {
namespace {

constexpr std::string_view kCallLocalStream =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";
constexpr std::string_view kCallLocal = "/dapr.proto.internals.v1.ServiceInvocation/CallLocal";

std::unexpected<base::Error> Fail(const grpc::Status& status) {
  return std::unexpected(grpc::ToError(status));
}

// The status a stream ended with; `trailers` may be null.
grpc::Status FinalStatus(const http::ResponseHead& head, const http::Headers* trailers) {
  grpc::Status status;
  if (trailers && grpc::ParseStatus(*trailers, status)) return status;
  if (grpc::ParseStatus(head.headers, status)) return status;
  if (head.status != 200) {
    return {grpc::CodeOfHttpStatus(head.status),
            base::StrCat("unexpected HTTP status code received from server: ", head.status),
            {}};
  }
  return {grpc::Code::kInternal, "server closed the stream without sending trailers", {}};
}

bool IsGzip(const http::Headers& headers) {
  const auto encoding = headers.Get("grpc-encoding");
  return encoding && *encoding == "gzip";
}

void CopyTrailers(const http::Headers* from, http::Headers& to) {
  if (!from) return;
  for (const auto& [name, value] : *from) {
    if (name.starts_with(kTrailerPrefix)) to.Add(name.substr(kTrailerPrefix.size()), value);
  }
}

http::RequestHead Head(const contracts::Call& call, const PeerCallOptions& options,
                       std::string_view path) {
  http::RequestHead head;
  head.method = "POST";
  head.target = path;
  head.scheme = options.origin.secure() ? "https" : "http";
  head.authority = options.authority;
  head.protocol = http::Protocol::kHttp2;
  head.headers.Reserve(6, 256);
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  if (call.deadline != async::kForever) {
    head.headers.Add("grpc-timeout",
                     grpc::FormatTimeout(call.deadline - async::Loop::Current()->now()));
  }
  AddTrace(call, {}, false, head.headers);
  return head;
}

// Everything an open stream consists of. It is the lease of the response whose body reads from it.
struct Stream {
  Stream(std::string first, http::Body* rest) : request(std::move(first), rest, 0) {}
  // The response goes first: as long as it lives, the client pulls the request.
  FramedBody request;
  http::Response response;
  std::optional<MessageSource> source;
};

class StreamBody final : public PayloadBody {
 public:
  StreamBody(std::shared_ptr<Stream> stream, std::string_view first, http::Headers trailers)
      : PayloadBody(*stream->source, first, 0, false),
        stream_(std::move(stream)),
        trailers_(std::move(trailers)) {}
  const http::Headers* trailers() const override {
    return trailers_.empty() ? nullptr : &trailers_;
  }

 private:
  base::Status AtEnd() override {
    const http::Headers* trailers = stream_->response.body->trailers();
    const grpc::Status status = FinalStatus(stream_->response.head, trailers);
    if (!status.ok()) return std::unexpected(grpc::ToError(status));
    CopyTrailers(trailers, trailers_);
    return {};
  }
  std::shared_ptr<Stream> stream_;
  http::Headers trailers_;
};

// The unary form, for runtimes without the stream.
async::Task<base::Result<InvokeResponse>> CallUnary(const contracts::Call& call,
                                                    const InvokeRequest& request,
                                                    const PeerCallOptions& options) {
  std::string message;
  AppendRequest(request, options.names, options.whole_body.value_or(std::string_view()), message);
  grpc::Channel channel(*options.client, options.origin, options.authority, options.max_message);
  http::Headers metadata;
  AddTrace(call, {}, false, metadata);
  auto result = co_await channel.Unary(call, kCallLocal, metadata, message);
  if (!result) co_return std::unexpected(PeerFailure(result.error()));
  if (!result->status.ok()) co_return Fail(result->status);
  auto decoded = DecodeResponse(result->message);
  if (!decoded) co_return Fail({grpc::Code::kInternal, decoded.error().message, {}});
  const std::size_t size = decoded->data.size();
  const std::size_t begin =
      size ? static_cast<std::size_t>(decoded->data.data() - result->message.data()) : 0;
  auto body = std::make_unique<BufferBody>(std::move(result->message), begin, size);
  body->set_trailers(std::move(decoded->trailers));
  decoded->response.body = std::move(body);
  co_return std::move(decoded->response);
}

}  // namespace

base::Error PeerFailure(const base::Error& error) {
  switch (error.kind) {
    case base::Kind::kTimeout:
      return grpc::ToError({grpc::Code::kDeadlineExceeded, "context deadline exceeded", {}});
    case base::Kind::kCanceled:
      return grpc::ToError({grpc::Code::kCancelled, "context canceled", {}});
    case base::Kind::kUnreachable: {
      base::Error unreachable = grpc::ToError(
          {grpc::Code::kUnavailable,
           base::StrCat(
               "connection error: desc = ",
               base::Quote(base::StrCat("transport: Error while dialing: ", error.message))),
           {}});
      // gRPC does not tell it from a broken connection, but another address may be tried at once.
      unreachable.kind = base::Kind::kUnreachable;
      return unreachable;
    }
    case base::Kind::kUnauthenticated: {
      base::Error refused = grpc::ToError(
          {grpc::Code::kUnavailable,
           base::StrCat("connection error: desc = ",
                        base::Quote(base::StrCat("transport: authentication handshake failed: ",
                                                 error.message))),
           {}});
      // Whoever is at that address now may not be the only one.
      refused.kind = base::Kind::kUnreachable;
      return refused;
    }
    default:
      return grpc::ToError({grpc::CodeOfKind(error.kind), error.message, {}});
  }
}

async::Task<base::Result<InvokeResponse>> CallPeer(const contracts::Call& call,
                                                   const InvokeRequest& request,
                                                   const PeerCallOptions& options) {
  // A body that is there goes with the head, in one message.
  std::string first;
  const std::size_t message = BeginMessage(first);
  const std::size_t head = wire::Open(first, 1);
  AppendRequest(request, options.names, {}, first);
  wire::Close(first, head);
  http::Body* rest = request.body;
  if (options.whole_body) {
    if (!options.whole_body->empty()) AppendPayload(first, *options.whole_body, 0);
    rest = nullptr;
  }
  EndMessage(first, message);

  auto stream = std::make_shared<Stream>(std::move(first), rest);
  auto sent = co_await options.client->Send(
      call, options.origin, Head(call, options, kCallLocalStream), &stream->request);
  if (!sent) co_return std::unexpected(PeerFailure(sent.error()));
  stream->response = std::move(*sent);
  http::Response& response = stream->response;
  if (response.head.status != 200 || response.head.headers.Has("grpc-status")) {
    const grpc::Status status = FinalStatus(response.head, response.body->trailers());
    if (status.code == grpc::Code::kUnimplemented && options.whole_body) {
      stream.reset();
      co_return co_await CallUnary(call, request, options);
    }
    co_return Fail(status);
  }
  MessageSource& source =
      stream->source.emplace(*response.body, options.max_message, IsGzip(response.head.headers));
  auto got = co_await NextMessage(source, call);
  if (!got) co_return std::unexpected(PeerFailure(got.error()));
  if (!*got) {
    const grpc::Status status = FinalStatus(response.head, response.body->trailers());
    if (status.code == grpc::Code::kUnimplemented && options.whole_body) {
      stream.reset();
      co_return co_await CallUnary(call, request, options);
    }
    if (!status.ok()) co_return Fail(status);
    co_return Fail({grpc::Code::kInternal, "the peer's answer has no head", {}});
  }
  auto parsed = ParseStreamMessage(**got);
  if (!parsed) co_return Fail({grpc::Code::kInternal, parsed.error().message, {}});
  if (!parsed->head) co_return Fail({grpc::Code::kInternal, "the peer's answer has no head", {}});
  auto decoded = DecodeResponse(*parsed->head);
  if (!decoded) co_return Fail({grpc::Code::kInternal, decoded.error().message, {}});
  InvokeResponse& out = decoded->response;
  const std::string_view data = parsed->data.value_or(decoded->data);

  if (source.exhausted()) {
    // A small answer: copied out, so that the stream and its status are done with.
    auto body = std::make_unique<BufferBody>(std::string(data));
    std::string_view none;
    if (source.Next(none) == MessageSource::Poll::kEnd) {
      const http::Headers* trailers = response.body->trailers();
      const grpc::Status status = FinalStatus(response.head, trailers);
      if (!status.ok()) co_return Fail(status);
      CopyTrailers(trailers, decoded->trailers);
      body->set_trailers(std::move(decoded->trailers));
      out.body = std::move(body);
      co_return std::move(out);
    }
    co_return Fail({grpc::Code::kInternal, source.error().message, {}});
  }
  out.body = std::make_unique<StreamBody>(std::move(stream), data, std::move(decoded->trailers));
  co_return std::move(out);
}

}  // namespace blocks::invoke
