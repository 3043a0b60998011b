#include "resiliency/execution.hpp"

#include "async/wait.hpp"
#include "base/duration.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace resiliency {
namespace {

constexpr std::string_view kTimeout = "timeout";
constexpr std::string_view kRetry = "retry";
constexpr std::string_view kBreaker = "circuitbreaker";

async::TimePoint Now() {
  return async::Loop::Current()->now();
}

std::shared_ptr<Breaker> BreakerFor(const Policy& policy, const std::string& target,
                                    std::string_view id) {
  if (!policy.breakers) return policy.breaker;
  return policy.breakers->Get(std::string(id), TellOf(policy.telemetry, target));
}

}  // namespace

Execution::Execution(const Policy& policy, const contracts::Call& call, std::string_view id)
    : policy_(policy),
      call_(call),
      target_(policy.many ? base::StrCat(policy.target, id) : policy.target),
      breaker_(BreakerFor(policy, target_, id)),
      attempt_(call) {
  if (policy_.retry) backoff_.emplace(*policy_.retry, Now());
  Record();
}

Execution::~Execution() {
  Forget();
}

void Execution::Record() const {
  telemetry::InstanceMetrics* metrics = policy_.telemetry.metrics;
  if (!metrics || !metrics->enabled()) return;
  const Telemetry& labels = policy_.telemetry;
  const auto executed = [&](std::string_view policy, std::string_view status) {
    metrics->ResiliencyExecuted(labels.resource, policy, labels.flow, target_, status);
  };
  if (policy_.timeout > async::Duration::zero()) executed(kTimeout, "");
  if (policy_.retry) executed(kRetry, "");
  if (breaker_) executed(kBreaker, BreakerStateName(breaker_->state(Now())));
}

base::Status Execution::Enter() {
  const async::TimePoint now = Now();
  if (breaker_) {
    auto ticket = breaker_->Enter(now);
    if (!ticket) return std::unexpected(std::move(ticket).error());
    ticket_ = *ticket;
  }
  attempt_ = call_;
  own_deadline_ = false;
  if (policy_.timeout > async::Duration::zero()) {
    const async::TimePoint limit = async::Loop::Current()->After(policy_.timeout);
    own_deadline_ = limit < call_.deadline;
    if (own_deadline_) attempt_.deadline = limit;
  }
  return {};
}

void Execution::Forget() {
  if (ticket_) breaker_->Forget(*ticket_);
  ticket_.reset();
}

std::optional<async::Duration> Execution::Judge(Outcome outcome) {
  const Telemetry& labels = policy_.telemetry;
  const async::TimePoint now = Now();
  timed_out_ = outcome.timed_out && own_deadline_ && now >= attempt_.deadline;
  if (timed_out_ && !timeout_told_) {
    timeout_told_ = true;
    if (labels.metrics) {
      labels.metrics->ResiliencyActivated(labels.resource, kTimeout, labels.flow, target_, "");
    }
  }
  if (outcome.ended) Forget();
  if (ticket_) {
    breaker_->Done(*ticket_, outcome.ok, now);
    ticket_.reset();
  }
  if (outcome.ok) {
    if (retry_told_) {
      labels.log.Info(base::StrCat("an operation with ", target_, " has succeeded after ",
                                   backoff_->retries(), " retries"));
    }
    return std::nullopt;
  }
  const bool over = outcome.ended || now >= call_.deadline;
  if (!backoff_ || over || outcome.final) return std::nullopt;
  if (outcome.code >= 0 && !policy_.retry->match.Matches(outcome.code)) return std::nullopt;
  const auto wait = backoff_->Next(now, base::FastRandomUnit());
  if (!wait) return std::nullopt;
  if (!retry_told_) {
    retry_told_ = true;
    if (labels.metrics) {
      labels.metrics->ResiliencyActivated(labels.resource, kRetry, labels.flow, target_, "");
    }
    labels.log.RateLimited("resiliency_retry", 5)
        .Warning(base::StrCat("an operation with ", target_, " has failed and is tried again in ",
                              base::FormatDuration(*wait)));
  }
  return wait;
}

async::Task<bool> Execution::Wait(async::Duration wait) {
  co_return co_await async::Sleep(call_, async::Loop::Current()->After(wait)) ==
      async::Wake::kReady;
}

async::Task<bool> Execution::Again(Outcome outcome) {
  const auto wait = Judge(outcome);
  co_return wait&& co_await Wait(*wait);
}

}  // namespace resiliency
