// Target: the app's own word on how it is (--enable-app-health-check).
#include <chrono>

#include "base/strings.hpp"
#include "target/target.hpp"

namespace target {
namespace {

constexpr std::string_view kGrpcHealthCheck =
    "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck";
constexpr int kGrpcInternal = 13;

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

}  // namespace

async::Task<base::Status> Target::AskHttpHealth(const async::Context& context) {
  const async::TimePoint start = async::Clock::now();
  http::RequestHead head;
  head.target = config_.health_path;
  auto answer = co_await Forward(context, std::move(head), nullptr, nullptr);
  const int status = answer ? answer->response.head.status : 0;
  if (services_.metrics) services_.metrics->HttpHealthProbe(status, MillisSince(start));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  if (status >= 200 && status < 300) co_return base::Status();
  co_return base::Fail(base::Kind::kUnavailable,
                       base::StrCat("the app's ", config_.health_path, " answered ", status));
}

async::Task<base::Status> Target::AskGrpcHealth(const async::Context& context) {
  const async::TimePoint start = async::Clock::now();
  http::RequestHead head;
  head.method = "POST";
  head.target = kGrpcHealthCheck;
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  http::StringBody empty(std::string(5, '\0'));
  auto answer = co_await Forward(context, std::move(head), &empty, nullptr);
  if (!answer) co_return std::unexpected(std::move(answer).error());
  auto rest = co_await http::ReadAll(*answer->response.body, context, 4096);
  if (!rest) co_return std::unexpected(std::move(rest).error());
  const http::Headers* trailers = answer->response.body->trailers();
  auto status = answer->response.head.headers.Get("grpc-status");
  if (!status && trailers) status = trailers->Get("grpc-status");
  const int code = status ? base::ParseInt<int>(*status).value_or(kGrpcInternal) : kGrpcInternal;
  if (services_.metrics) services_.metrics->GrpcHealthProbe(code, MillisSince(start));
  // Unimplemented counts as healthy for no app: the service must be there.
  if (code == 0) co_return base::Status();
  co_return base::Fail(base::Kind::kUnavailable,
                       base::StrCat("the app's HealthCheck ended with gRPC status ", code));
}

async::Task<void> Target::CheckHealth() {
  const async::Context context = gate_.context();
  int failures = 0;
  std::optional<bool> told;
  const auto tell = [&](bool healthy, std::string_view why) {
    healthy_ = healthy;
    if (told == healthy) return;
    told = healthy;
    if (health_observer_) health_observer_(healthy, why);
  };
  while (!gate_.closing()) {
    if (state() != contracts::TargetState::kReady) {
      // As soon as the app is there it is asked.
      co_await Here().changed.Wait(context);
      continue;
    }
    const async::Context attempt = context.Until(home_.After(config_.health_timeout));
    const bool grpc = contracts::IsGrpc(config_.protocol);
    base::Status good;
    if (grpc) {
      good = co_await AskGrpcHealth(attempt);
    } else {
      good = co_await AskHttpHealth(attempt);
    }
    if (gate_.closing()) break;
    if (good) {
      failures = 0;
      tell(true, {});
    } else if (++failures >= config_.health_threshold) {
      tell(false, good.error().message);
    }
    co_await async::Sleep(context, home_.After(config_.health_interval));
  }
}

async::Task<base::Result<contracts::AppResponse>> Target::RefuseUnhealthy() {
  static constexpr std::string_view kText = "app is not in a healthy state";
  co_return std::unexpected(
      base::Error(base::Kind::kInternal, base::StrCat("rpc error: code = Internal desc = ", kText))
          .WithRemote({kGrpcInternal, std::string(kText), {}}));
}

}  // namespace target
