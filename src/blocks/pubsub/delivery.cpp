#include "blocks/pubsub/delivery.hpp"

#include <chrono>

#include "async/loop.hpp"
#include "base/base64.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/app_unary.hpp"
#include "http/body.hpp"

namespace blocks::pubsub {
namespace {

constexpr std::string_view kOnTopicEvent = "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent";
constexpr std::string_view kOnBulkTopicEvent =
    "/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent";
constexpr std::string_view kOnBulkTopicEventAlpha1 =
    "/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1";
// What every app is asked when it comes anyway.
constexpr std::string_view kQuestion = "/dapr/config";
constexpr std::string_view kGrpcQuestion =
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions";
constexpr auto kQuestionTime = std::chrono::seconds(5);
constexpr std::size_t kLongestReply = std::size_t{1} << 20;
constexpr std::size_t kLongestBulkReply = std::size_t{8} << 20;

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

bool IsNameChar(char c) {
  return base::IsDigit(c) || (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Whether a message's metadata may become this header field. What decides about the request itself
// or speaks for the runtime may not come from a message.
bool MayBeHeader(std::string_view name, std::string_view value) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (!IsNameChar(c)) return false;
  }
  for (const char c : value) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  static constexpr std::string_view kOurs[] = {
      "content-type", "content-length", "content-encoding", "host",       "dapr-api-token",
      "expect",       "traceparent",    "tracestate",       "pubsubname", "authorization"};
  for (const std::string_view ours : kOurs) {
    if (base::EqualsIgnoreCase(name, ours)) return false;
  }
  return !http::IsHopByHop(name);
}

void AddMetadata(const contracts::Message& message, bool grpc, http::Headers& headers) {
  for (const auto& [key, value] : message.metadata) {
    if (!grpc) {
      if (MayBeHeader(key, value)) headers.Add(key, value);
      continue;
    }
    const std::string name = base::ToLower(key);
    if (name.starts_with("grpc-")) continue;
    if (name.ends_with("-bin")) {
      if (MayBeHeader(name, "")) headers.Add(name, base::Base64EncodeRaw(value));
    } else if (MayBeHeader(name, value) &&
               name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") ==
                   std::string::npos) {
      headers.Add(name, value);
    }
  }
}

// We have not canceled the call: so end servers that stop what they have in hand.
DeliveryResult EndedByServer() {
  return {Answer::kBroken, "the app ended the call with gRPC status Canceled"};
}

bool IsUnhealthy(const base::Error& error) {
  return error.kind == base::Kind::kInternal && error.remote() &&
         error.remote()->message == "app is not in a healthy state";
}

}  // namespace

DeliveryResult AppDelivery::AwayBy(std::string_view what) const {
  options_.target->ReportUnavailable();
  return {Answer::kRefused, base::StrCat("the app is not there: it answered with ", what)};
}

DeliveryResult AppDelivery::FailureOf(const base::Error& error) const {
  switch (error.kind) {
    case base::Kind::kUnreachable:
      return {Answer::kAway, error.message};
    case base::Kind::kUnavailable:
      return {Answer::kBroken, error.message};
    case base::Kind::kCanceled:
      return {Answer::kEnded, error.message};
    default:
      return {IsUnhealthy(error) ? Answer::kAway : Answer::kFailed, error.message};
  }
}

void AppDelivery::AddTrace(const IncomingEvent& event, bool with_state,
                           http::Headers& headers) const {
  if (event.raw()) return;
  const auto parent = event.event().String("traceparent");
  if (!parent || parent->empty()) return;
  auto context =
      telemetry::ParseTraceContext(*parent, event.event().String("tracestate").value_or(""));
  if (!context) return;
  if (options_.tracer) *context = options_.tracer->StartSpan(*context);
  headers.Add("traceparent", telemetry::FormatTraceparent(*context));
  if (with_state && !context->tracestate.empty()) headers.Add("tracestate", context->tracestate);
}

async::Task<base::Result<AppDelivery::HttpReply>> AppDelivery::Post(const contracts::Call& call,
                                                                    http::RequestHead head,
                                                                    std::string_view body,
                                                                    std::string_view path) const {
  auto content = http::StringBody::View(body);
  const async::TimePoint start = async::Clock::now();
  auto sent = co_await options_.target->Send(call, std::move(head), &content);
  HttpReply reply;
  std::optional<base::Error> broken;
  if (sent) {
    reply.status = sent->response.head.status;
    auto text = co_await http::ReadAll(*sent->response.body, call, kLongestBulkReply);
    if (text) {
      reply.body = std::move(*text);
    } else if (text.error().kind != base::Kind::kTooLarge) {
      broken = std::move(text).error();
    }
  }
  if (auto* metrics = options_.metrics; metrics && metrics->enabled()) {
    std::string scratch;
    metrics->HttpClientRequest("POST", metrics->http_labels().Path(path, scratch), reply.status,
                               MillisSince(start), static_cast<int64_t>(body.size()),
                               static_cast<int64_t>(reply.body.size()));
  }
  if (!sent) co_return std::unexpected(std::move(sent).error());
  if (broken) co_return std::unexpected(std::move(*broken));
  co_return reply;
}

async::Task<DeliveryResult> AppDelivery::AskWhetherThere(const contracts::Call& call) const {
  const async::Context bounded = call.Until(async::Loop::Current()->After(kQuestionTime));
  std::optional<base::Error> error;
  bool refused = false;
  if (grpc()) {
    const auto answer =
        co_await CallAppUnary(*options_.target, bounded, kGrpcQuestion, {}, {}, kLongestReply);
    if (!answer) error = answer.error();
    // A server that is ending cancels what it has in hand.
    refused = answer && (answer->status.code == grpc::Code::kUnavailable ||
                         answer->status.code == grpc::Code::kCancelled);
  } else {
    http::RequestHead head;
    head.method = "GET";
    head.target = kQuestion;
    auto answer = co_await options_.target->Send(bounded, std::move(head), nullptr);
    if (!answer) error = answer.error();
    refused = answer && answer->response.head.status == 503;
    // For the sake of the connection; what it says does not matter.
    if (answer) (void)co_await http::ReadAll(*answer->response.body, bounded, kLongestReply);
  }
  if (refused) co_return AwayBy("a refusal");
  if (!error) co_return DeliveryResult{};
  if (error->kind == base::Kind::kTimeout) {
    co_return DeliveryResult{call.canceled() ? Answer::kEnded : Answer::kFailed, error->message};
  }
  DeliveryResult result = FailureOf(*error);
  if (result.answer == Answer::kFailed) co_return DeliveryResult{};  // nonsense, but an answer
  if (result.answer == Answer::kBroken) {
    // What takes connections and closes them without a word stands in front of nobody.
    options_.target->ReportUnavailable();
    result.answer = Answer::kRefused;
  }
  co_return result;
}

async::Task<DeliveryResult> AppDelivery::Deliver(const contracts::Call& call,
                                                 const IncomingEvent& event,
                                                 std::string_view pubsub, std::string_view topic,
                                                 const Router::Route& route) const {
  http::RequestHead head;
  head.headers.Reserve(event.message().metadata.size() + 6, 256);
  if (!grpc()) {
    head.method = "POST";
    head.target = route.target;
    head.headers.Add("content-type", kCloudEventContentType);
    head.headers.Add("pubsubname", pubsub);
    AddMetadata(event.message(), false, head.headers);
    AddTrace(event, true, head.headers);
    const auto reply = co_await Post(call, std::move(head), event.text(), route.target);
    if (!reply) co_return FailureOf(reply.error());
    if (reply->status == 503) co_return AwayBy("HTTP status 503");
    co_return ReadHttpReply(reply->status, reply->body);
  }
  AddMetadata(event.message(), true, head.headers);
  AddTrace(event, false, head.headers);
  const std::string message =
      TopicEventMessage(event, {.pubsub = pubsub, .topic = topic, .path = route.path});
  const async::TimePoint start = async::Clock::now();
  const auto answer = co_await CallAppUnary(*options_.target, call, kOnTopicEvent,
                                            std::move(head.headers), message, kLongestReply);
  if (!answer) co_return FailureOf(answer.error());
  if (options_.metrics) {
    options_.metrics->GrpcClient(kOnTopicEvent, static_cast<int>(answer->status.code),
                                 MillisSince(start), static_cast<int64_t>(message.size()),
                                 static_cast<int64_t>(answer->message.size()));
  }
  switch (answer->status.code) {
    case grpc::Code::kOk:
      co_return ReadTopicEventResponse(answer->message);
    case grpc::Code::kUnavailable:
      co_return AwayBy("gRPC status Unavailable");
    case grpc::Code::kCancelled:
      co_return EndedByServer();
    case grpc::Code::kUnimplemented:
      co_return DeliveryResult{Answer::kUnserved, "the app does not serve OnTopicEvent"};
    default:
      co_return DeliveryResult{Answer::kFailed, base::StrCat("the app answered with gRPC status ",
                                                             grpc::CodeName(answer->status.code))};
  }
}

async::Task<BulkResult> AppDelivery::DeliverBulk(const contracts::Call& call,
                                                 std::span<const IncomingEvent* const> events,
                                                 std::string_view pubsub, std::string_view topic,
                                                 const Router::Route& route) const {
  const EventPlace place{.pubsub = pubsub, .topic = topic, .path = route.path};
  http::RequestHead head;
  if (!grpc()) {
    head.method = "POST";
    head.target = route.target;
    head.headers.Add("content-type", "application/json");
    head.headers.Add("pubsubname", pubsub);
    const std::string body = BulkEventJson(events, place);
    const auto reply = co_await Post(call, std::move(head), body, route.target);
    if (!reply) co_return BulkResult{FailureOf(reply.error()), {}};
    if (reply->status == 503) co_return BulkResult{AwayBy("HTTP status 503"), {}};
    if (reply->status == 404) {
      co_return BulkResult{{Answer::kUnserved, "the app answered with HTTP status 404"}, {}};
    }
    if (reply->status < 200 || reply->status > 299) {
      co_return BulkResult{ReadHttpReply(reply->status, {}), {}};
    }
    co_return BulkResult{{}, ReadBulkReply(reply->body, events.size())};
  }
  const std::string message = BulkEventMessage(events, place);
  for (const std::string_view method : {kOnBulkTopicEvent, kOnBulkTopicEventAlpha1}) {
    http::Headers metadata;
    if (MayBeHeader("x", pubsub)) metadata.Add("pubsubname", pubsub);
    const async::TimePoint start = async::Clock::now();
    const auto answer = co_await CallAppUnary(*options_.target, call, method, std::move(metadata),
                                              message, kLongestBulkReply);
    if (!answer) co_return BulkResult{FailureOf(answer.error()), {}};
    if (options_.metrics) {
      options_.metrics->GrpcClient(method, static_cast<int>(answer->status.code),
                                   MillisSince(start), static_cast<int64_t>(message.size()),
                                   static_cast<int64_t>(answer->message.size()));
    }
    switch (answer->status.code) {
      case grpc::Code::kOk:
        co_return BulkResult{{}, ReadBulkResponse(answer->message, events.size())};
      case grpc::Code::kUnimplemented:
        continue;
      case grpc::Code::kUnavailable:
        co_return BulkResult{AwayBy("gRPC status Unavailable"), {}};
      case grpc::Code::kCancelled:
        co_return BulkResult{EndedByServer(), {}};
      default:
        co_return BulkResult{{Answer::kFailed, base::StrCat("the app answered with gRPC status ",
                                                            grpc::CodeName(answer->status.code))},
                             {}};
    }
  }
  co_return BulkResult{{Answer::kUnserved, "the app does not serve OnBulkTopicEvent"}, {}};
}

}  // namespace blocks::pubsub
