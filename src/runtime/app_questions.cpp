#include "runtime/app_questions.hpp"

#include <boost/json.hpp>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "grpc/message.hpp"
#include "grpc/status.hpp"
#include "http/body.hpp"

namespace runtime {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::size_t kLimit = 1024 * 1024;
constexpr std::size_t kShown = 4096;  // of an answer, in the log
constexpr std::string_view kListSubscriptions =
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions";

// The body of a 200; none for another status or no answer, which is logged.
async::Task<std::optional<std::string>> Get(contracts::AppTarget& target, std::string path,
                                            const std::string& app_id, const telemetry::Log& log,
                                            const async::Context& parent) {
  const async::Context context = parent.Until(async::Loop::Current()->After(kPatience));
  http::RequestHead head;
  head.target = path;
  head.headers.Add("dapr-app-id", app_id);
  head.headers.Add("content-type", "application/json");
  auto answer = co_await target.Send(context, std::move(head), nullptr, nullptr);
  if (!answer) {
    log.Debug(base::StrCat("the app's ", path, " could not be read: ", answer.error().message));
    co_return std::nullopt;
  }
  const int status = answer->response.head.status;
  if (status != 200) {
    log.Debug(base::StrCat("the app's ", path, " answered ", status));
    co_return std::nullopt;
  }
  auto body = co_await http::ReadAll(*answer->response.body, context, kLimit);
  if (!body) {
    log.Debug(base::StrCat("the app's ", path, " could not be read: ", body.error().message));
    co_return std::nullopt;
  }
  log.Debug(base::StrCat("the app's ", path, " says ", base::Quote(body->substr(0, kShown))));
  co_return std::move(*body);
}

// The message of ListTopicSubscriptions.
async::Task<base::Result<std::string>> ListSubscriptions(contracts::AppTarget& target,
                                                         const async::Context& parent) {
  const async::Context context = parent.Until(async::Loop::Current()->After(kPatience));
  http::RequestHead head;
  head.method = "POST";
  head.target = kListSubscriptions;
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  http::StringBody empty(std::string(5, '\0'));
  auto answer = co_await target.Send(context, std::move(head), &empty, nullptr);
  if (!answer) co_return std::unexpected(std::move(answer).error());
  http::Response& response = answer->response;
  CO_ASSIGN_OR_RETURN(std::string reply, co_await http::ReadAll(*response.body, context, kLimit));
  grpc::Status status;
  const http::Headers* trailers = response.body->trailers();
  if (!(trailers && grpc::ParseStatus(*trailers, status)) &&
      !grpc::ParseStatus(response.head.headers, status)) {
    co_return base::Fail(base::Kind::kProtocol, "it ended without a status");
  }
  if (!status.ok()) co_return std::unexpected(grpc::ToError(status));
  grpc::FrameParser parser(kLimit, false);
  std::string_view rest = reply;
  CO_ASSIGN_OR_RETURN(std::optional<std::string> message, parser.Next(rest));
  if (!message) co_return base::Fail(base::Kind::kProtocol, "its answer has no message");
  co_return std::move(*message);
}

}  // namespace

base::Result<std::size_t> CountSubscriptions(std::string_view json) {
  // Apps in Go write null for an empty list.
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  if (!error && value.is_null()) return std::size_t{0};
  if (error || !value.is_array()) {
    return base::Fail(base::Kind::kInvalidArgument, "a JSON array is expected");
  }
  return value.get_array().size();
}

base::Result<std::size_t> CountGrpcSubscriptions(std::string_view message) {
  namespace wire = blocks::invoke::wire;
  std::size_t count = 0;
  wire::Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, wire::Type::kBytes)) ++count;
  }
  if (!reader.ok()) {
    return base::Fail(base::Kind::kInvalidArgument, "ListTopicSubscriptionsResponse is malformed");
  }
  return count;
}

async::Task<std::optional<std::size_t>> AskApp(contracts::AppTarget& target,
                                               const AppQuestions& questions,
                                               const telemetry::Log& log,
                                               const async::Context& context) {
  base::Result<std::size_t> count = std::size_t{0};
  if (contracts::IsGrpc(target.protocol())) {
    if (!questions.subscribe) co_return std::nullopt;
    auto message = co_await ListSubscriptions(target, context);
    if (!message) {
      log.Debug(base::StrCat("the app's ListTopicSubscriptions: ", message.error().message));
      co_return std::nullopt;
    }
    count = CountGrpcSubscriptions(*message);
  } else {
    if (questions.config && co_await Get(target, "/dapr/config", questions.app_id, log, context)) {
      log.Info("Application configuration loaded");
    }
    if (!questions.subscribe) co_return std::nullopt;
    const auto body = co_await Get(target, "/dapr/subscribe", questions.app_id, log, context);
    if (!body) co_return std::nullopt;
    count = CountSubscriptions(*body);
  }
  if (!count) {
    log.Debug(base::StrCat("the app's list of subscriptions: ", count.error().message));
    co_return std::nullopt;
  }
  log.Debug(base::StrCat("the app wants ", *count, " subscriptions"));
  co_return *count;
}

}  // namespace runtime
