#include "runtime/app_questions.hpp"

#include <chrono>
#include <string_view>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/app_unary.hpp"
#include "blocks/pubsub/discovery.hpp"
#include "http/body.hpp"

namespace runtime {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::size_t kLimit = 1024 * 1024;
constexpr std::size_t kShown = 4096;  // of an answer, in the log
constexpr int kTries = 3;
constexpr auto kBetweenTries = std::chrono::milliseconds(300);

struct Answer {
  int status = 0;  // HTTP; 0 = none came
  std::string body;
};

async::Task<Answer> GetOnce(contracts::AppTarget& target, std::string path,
                            const std::string& app_id, const telemetry::Log& log,
                            const async::Context& parent) {
  const async::Context context = parent.Until(async::Loop::Current()->After(kPatience));
  http::RequestHead head;
  head.target = path;
  head.headers.Add("dapr-app-id", app_id);
  head.headers.Add("content-type", "application/json");
  auto answer = co_await target.Send(context, std::move(head), nullptr, nullptr);
  Answer out;
  if (!answer) {
    log.Debug(base::StrCat("the app's ", path, " could not be read: ", answer.error().message));
    co_return out;
  }
  const int status = answer->response.head.status;
  auto body = co_await http::ReadAll(*answer->response.body, context, kLimit);
  if (!body) {
    log.Debug(base::StrCat("the app's ", path, " could not be read: ", body.error().message));
    if (status != 200) out.status = status;
    co_return out;
  }
  log.Debug(base::StrCat(
      "the app's ", path, " answered ", status,
      status == 200 ? base::StrCat(": ", base::Quote(body->substr(0, kShown))) : std::string()));
  co_return Answer{status, std::move(*body)};
}

// Asks again while nobody answers, but not for long, and not an app that has gone: it is asked anew
// when it comes back.
bool MayAskAgain(const contracts::AppTarget& target, const async::Context& context) {
  return !context.canceled() && target.state() == contracts::TargetState::kReady;
}

async::Task<Answer> Get(contracts::AppTarget& target, std::string path, const std::string& app_id,
                        const telemetry::Log& log, const async::Context& context) {
  Answer answer;
  for (int i = 0; i < kTries && answer.status == 0; ++i) {
    if (i > 0) {
      if (!MayAskAgain(target, context)) break;
      const async::TimePoint until = async::Loop::Current()->After(base::Jitter(kBetweenTries * i));
      co_await async::Sleep(context, until);
    }
    answer = co_await GetOnce(target, path, app_id, log, context);
  }
  if (answer.status == 503) target.ReportUnavailable();
  co_return answer;
}

async::Task<void> ListSubscriptions(contracts::AppTarget& target, const telemetry::Log& log,
                                    const async::Context& parent, AppAnswers& out) {
  for (int i = 0; i < kTries; ++i) {
    async::Loop& loop = *async::Loop::Current();
    if (i > 0) {
      if (!MayAskAgain(target, parent)) co_return;
      co_await async::Sleep(parent, loop.After(base::Jitter(kBetweenTries * i)));
    }
    const async::Context context = parent.Until(loop.After(kPatience));
    auto answer = co_await blocks::pubsub::CallAppUnary(
        target, context, blocks::pubsub::kListTopicSubscriptions, {}, {}, kLimit);
    if (!answer) {
      log.Debug(base::StrCat("the app's ListTopicSubscriptions: ", answer.error().message));
      continue;
    }
    if (answer->status.ok()) {
      out.subscriptions = std::move(answer->message);
    } else if (answer->status.code == grpc::Code::kUnimplemented) {
      out.no_subscriptions = true;
    } else {
      if (answer->status.code == grpc::Code::kUnavailable) target.ReportUnavailable();
      log.Error(
          base::StrCat("the app's ListTopicSubscriptions failed, so what it wants is not known: ",
                       grpc::CodeName(answer->status.code)));
    }
    co_return;
  }
}

}  // namespace

async::Task<AppAnswers> AskApp(contracts::AppTarget& target, const AppQuestions& questions,
                               const telemetry::Log& log, const async::Context& context) {
  AppAnswers out;
  if (contracts::IsGrpc(target.protocol())) {
    if (questions.subscribe) co_await ListSubscriptions(target, log, context, out);
    co_return out;
  }
  if (questions.config) {
    Answer config = co_await Get(target, "/dapr/config", questions.app_id, log, context);
    if (config.status == 200) {
      log.Info("Application configuration loaded");
      out.config = std::move(config.body);
    }
  }
  if (!questions.subscribe) co_return out;
  Answer answer = co_await Get(target, "/dapr/subscribe", questions.app_id, log, context);
  if (answer.status == 200) {
    out.subscriptions = std::move(answer.body);
  } else if (answer.status == 404) {
    out.no_subscriptions = true;
  } else if (answer.status != 0) {
    log.Error(base::StrCat("the app's /dapr/subscribe answered ", answer.status,
                           ", so what it wants is not known"));
  }
  co_return out;
}

}  // namespace runtime
