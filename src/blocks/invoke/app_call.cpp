#include "blocks/invoke/app_call.hpp"

#include <chrono>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/status_map.hpp"
#include "grpc/message.hpp"
#include "grpc/status.hpp"

namespace blocks::invoke {
namespace {

constexpr std::string_view kOnInvoke = "/dapr.proto.runtime.v1.AppCallback/OnInvoke";

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

int64_t ContentLength(const http::Headers& headers) {
  const auto text = headers.Get("content-length");
  return text ? base::ParseInt(*text).value_or(0) : 0;
}

bool IsVerb(std::string_view verb) {
  return IsFieldName(verb) && verb != "CONNECT";
}

}  // namespace

http::Body* BodyToSend(std::string_view verb, http::Body* body) {
  if (!body) return nullptr;
  if (verb != "GET" && verb != "HEAD" && verb != "DELETE" && verb != "OPTIONS") return body;
  // A length of zero is not worth saying for these.
  const auto whole = body->Whole();
  return whole && whole->empty() ? nullptr : body;
}

base::Result<http::RequestHead> AppRequestHead(const contracts::Call& call,
                                               const InvokeRequest& request) {
  if (!IsVerb(request.verb)) {
    return base::Fail(base::Kind::kInvalidArgument, "invalid HTTP verb");
  }
  http::RequestHead head;
  head.method = request.verb;
  head.target.clear();
  RETURN_IF_ERROR(AppendTarget(request.method, request.query, head.target));
  if (request.bare_query && request.query.empty()) head.target += '?';
  head.headers.Reserve(request.headers.size() + 4, request.headers.bytes() + 192);
  CopyToHttp(request.headers, Direction::kRequest, true, head.headers);
  AddTrace(call, request.headers, false, head.headers);
  return head;
}

async::Task<base::Result<InvokeResponse>> AppCaller::CallHttp(
    const contracts::Call& call, const InvokeRequest& request,
    http::InterimObserver* interim) const {
  auto head = AppRequestHead(call, request);
  if (!head) co_return std::unexpected(std::move(head).error());
  http::Body* body = BodyToSend(request.verb, request.body);
  const bool measured = metrics_ && metrics_->enabled();
  const async::TimePoint start = measured ? async::Clock::now() : async::TimePoint();
  const auto sent = body ? static_cast<int64_t>(body->length().value_or(0)) : 0;

  auto answer = co_await target_.Send(call, std::move(*head), body, interim);
  if (measured) {
    std::string scratch;
    std::string path;
    path.reserve(request.method.size() + 1);
    path.append("/").append(request.method);
    metrics_->HttpClientRequest(request.verb, metrics_->http_labels().Path(path, scratch),
                                answer ? answer->response.head.status : 0, MillisSince(start), sent,
                                answer ? ContentLength(answer->response.head.headers) : 0);
  }
  if (!answer) co_return std::unexpected(std::move(answer).error());

  InvokeResponse response;
  response.status = answer->response.head.status;
  response.headers = std::move(answer->response.head.headers);
  StripHopByHop(response.headers);
  if (const auto type = response.headers.Get("content-type")) response.content_type = *type;
  response.body = std::move(answer->response.body);
  response.lease = std::move(answer->lease);
  co_return response;
}

async::Task<base::Result<InvokeResponse>> AppCaller::CallGrpc(const contracts::Call& call,
                                                              const InvokeRequest& request) const {
  std::string data;
  if (request.body) {
    auto read = co_await http::ReadAll(*request.body, call, max_message_);
    if (!read) co_return std::unexpected(std::move(read).error());
    data = std::move(*read);
  }
  std::string frame;
  const std::size_t message = BeginMessage(frame);
  AppendOnInvoke(request, data, frame);
  EndMessage(frame, message);
  data = std::string();

  http::RequestHead head;
  head.method = "POST";
  head.target = kOnInvoke;
  head.headers.Reserve(request.headers.size() + 6, request.headers.bytes() + 256);
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  if (call.deadline != async::kForever) {
    head.headers.Add("grpc-timeout",
                     grpc::FormatTimeout(call.deadline - async::Loop::Current()->now()));
  }
  CopyToGrpc(request.headers, request.grpc_origin, head.headers);
  AddTrace(call, request.headers, true, head.headers);

  const async::TimePoint start = async::Clock::now();
  const std::size_t frame_size = frame.size();
  auto body = http::StringBody::View(frame);
  auto answer = co_await target_.Send(call, std::move(head), &body);
  if (!answer) co_return std::unexpected(std::move(answer).error());
  http::Response& received = answer->response;
  auto reply = co_await http::ReadAll(*received.body, call, max_message_ + 64);
  if (!reply) co_return std::unexpected(std::move(reply).error());

  grpc::Status status;
  const http::Headers* trailers = received.body->trailers();
  if (!(trailers && grpc::ParseStatus(*trailers, status)) &&
      !grpc::ParseStatus(received.head.headers, status)) {
    status.code = received.head.status == 200 ? grpc::Code::kInternal
                                              : grpc::CodeOfHttpStatus(received.head.status);
    status.message = received.head.status == 200
                         ? "server closed the stream without sending trailers"
                         : base::StrCat("unexpected HTTP status code received from server: ",
                                        received.head.status);
  }
  InvokeResponse response;
  auto owned = std::make_unique<BufferBody>();
  if (status.ok()) {
    grpc::FrameParser parser(max_message_, true);
    std::string_view rest = *reply;
    auto parsed = parser.Next(rest);
    if (!parsed) co_return std::unexpected(std::move(parsed).error());
    if (!*parsed) {
      status = {grpc::Code::kInternal, "grpc: the reply of a unary call has no message", {}};
    } else {
      auto fields = ParseOnInvokeReply(**parsed);
      if (!fields) co_return std::unexpected(std::move(fields).error());
      response.content_type = fields->content_type;
      const auto begin = fields->data.empty()
                             ? 0
                             : static_cast<std::size_t>(fields->data.data() - (*parsed)->data());
      const std::size_t size = fields->data.size();
      owned = std::make_unique<BufferBody>(std::move(**parsed), begin, size);
    }
  }
  if (metrics_) {
    metrics_->GrpcClient(kOnInvoke, static_cast<int>(status.code), MillisSince(start),
                         static_cast<int64_t>(frame_size), static_cast<int64_t>(reply->size()));
  }
  response.grpc_code = static_cast<int>(status.code);
  response.status = HttpStatusOfCode(response.grpc_code);
  response.grpc_message = std::move(status.message);
  response.grpc_details = std::move(status.details);
  for (const auto& [name, value] : received.head.headers) {
    if (name.starts_with("grpc-") || name == "content-type" || name == "content-length") continue;
    response.headers.Add(name, value);
  }
  if (trailers) {
    http::Headers kept;
    for (const auto& [name, value] : *trailers) {
      if (!name.starts_with("grpc-")) kept.Add(name, value);
    }
    owned->set_trailers(std::move(kept));
  }
  response.body = std::move(owned);
  response.lease = std::move(answer->lease);
  co_return response;
}

}  // namespace blocks::invoke
