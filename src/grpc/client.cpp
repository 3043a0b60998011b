#include "grpc/client.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace grpc {
namespace {

// The status of a response that is over: from trailers, from a trailers-only head, or from the HTTP
// status of something that is no gRPC server.
Status FinalStatus(const http::ResponseHead& head, const http::Headers* trailers) {
  Status status;
  if (trailers && ParseStatus(*trailers, status)) return status;
  if (ParseStatus(head.headers, status)) return status;
  if (head.status != 200) {
    return {CodeOfHttpStatus(head.status),
            base::StrCat("unexpected HTTP status code received from server: ", head.status),
            {}};
  }
  return {Code::kInternal, "server closed the stream without sending trailers", {}};
}

bool IsGzip(const http::ResponseHead& head) {
  const auto encoding = head.headers.Get("grpc-encoding");
  return encoding && *encoding == "gzip";
}

}  // namespace

Channel::Channel(http::Client& client, http::Origin origin, std::string authority,
                 std::size_t max_message)
    : client_(client),
      origin_(std::move(origin)),
      authority_(std::move(authority)),
      max_message_(max_message) {
  origin_.protocol = http::Protocol::kHttp2;
}

http::RequestHead Channel::Head(const async::Context& context, std::string_view path,
                                const http::Headers& metadata) const {
  http::RequestHead head;
  head.method = "POST";
  head.target = path;
  head.scheme = origin_.secure() ? "https" : "http";
  head.authority = authority_;
  head.protocol = http::Protocol::kHttp2;
  head.headers.Reserve(metadata.size() + 4, metadata.bytes() + 128);
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  head.headers.Add("grpc-accept-encoding", "gzip");
  if (context.deadline != async::kForever) {
    head.headers.Add("grpc-timeout",
                     FormatTimeout(context.deadline - async::Loop::Current()->now()));
  }
  for (const auto& [name, value] : metadata) head.headers.Add(name, value);
  return head;
}

async::Task<base::Result<UnaryResult>> Channel::Unary(const async::Context& context,
                                                      std::string_view path,
                                                      const http::Headers& metadata,
                                                      std::string_view message) {
  std::string frame;
  frame.reserve(message.size() + 5);
  AppendFrame(message, false, frame);
  auto body = http::StringBody::View(frame);
  CO_ASSIGN_OR_RETURN(
      http::Response response,
      co_await client_.Send(context, origin_, Head(context, path, metadata), &body));
  UnaryResult result;
  MessageReader reader(*response.body, max_message_, IsGzip(response.head));
  CO_ASSIGN_OR_RETURN(std::optional<std::string> reply, co_await reader.Next(context));
  if (reply) {
    result.message = std::move(*reply);
    CO_ASSIGN_OR_RETURN(std::optional<std::string> extra, co_await reader.Next(context));
    if (extra) {
      co_return base::Fail(base::Kind::kProtocol, "grpc: more than one message in a unary reply");
    }
  }
  const http::Headers* trailers = response.body->trailers();
  result.status = FinalStatus(response.head, trailers);
  if (result.status.ok() && !reply) {
    result.status = {Code::kInternal, "grpc: the reply of a unary call has no message", {}};
  }
  result.initial = std::move(response.head.headers);
  if (trailers) result.trailing = *trailers;
  co_return result;
}

ClientStream::ClientStream(const Channel& channel, std::string_view path, http::Headers metadata,
                           std::size_t high_water)
    : channel_(channel), path_(path), metadata_(std::move(metadata)), body_(high_water) {}

ClientStream::~ClientStream() {
  // The response goes first: it stops the engine from pulling body_.
  response_.body.reset();
}

void ClientStream::Write(std::string_view message) {
  std::string frame;
  frame.reserve(message.size() + 5);
  AppendFrame(message, false, frame);
  body_.Write(frame);
}

async::Task<base::Status> ClientStream::Open(const async::Context& context) {
  auto response = co_await channel_.client_.Send(context, channel_.origin_,
                                                 channel_.Head(context, path_, metadata_), &body_);
  if (!response) co_return std::unexpected(std::move(response).error());
  response_ = std::move(*response);
  reader_.emplace(*response_.body, channel_.max_message_, IsGzip(response_.head));
  co_return base::Status();
}

async::Task<base::Result<std::optional<std::string>>> ClientStream::Read(
    const async::Context& context) {
  if (ended_) co_return std::nullopt;
  auto message = co_await reader_->Next(context);
  if (message && !*message) {
    ended_ = true;
    status_ = FinalStatus(response_.head, response_.body->trailers());
  }
  co_return message;
}

const http::Headers& ClientStream::trailing() const {
  static const http::Headers kNone;
  const http::Headers* trailers = response_.body ? response_.body->trailers() : nullptr;
  return trailers ? *trailers : kNone;
}

}  // namespace grpc
