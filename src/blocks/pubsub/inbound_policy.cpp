#include "blocks/pubsub/inbound_policy.hpp"

#include "resiliency/execution.hpp"

namespace blocks::pubsub {
namespace {

// Whether the app has said anything. A connection that broke tells of an app that went away, and
// who holds the message for its return knows better than a policy what becomes of it.
bool Attempted(Answer answer) {
  return answer != Answer::kAway && answer != Answer::kRefused && answer != Answer::kBroken &&
         answer != Answer::kEnded;
}

bool Failed(Answer answer) {
  return answer == Answer::kRetry || answer == Answer::kFailed;
}

}  // namespace

void InboundPolicy::Set(std::shared_ptr<const resiliency::Policy> policy) {
  std::lock_guard lock(mutex_);
  has_policy_ = policy != nullptr;
  policy_ = std::move(policy);
}

async::Task<DeliveryResult> InboundPolicy::Run(const contracts::Call& call,
                                               DeliveryAttempt& attempt) const {
  if (!has_policy_.load(std::memory_order_relaxed)) return attempt.Run(call);
  std::shared_ptr<const resiliency::Policy> policy;
  {
    std::lock_guard lock(mutex_);
    policy = policy_;
  }
  if (!policy) return attempt.Run(call);
  return RunUnder(std::move(policy), call, attempt);
}

async::Duration InboundPolicy::timeout() const {
  std::lock_guard lock(mutex_);
  return policy_ ? policy_->timeout : async::Duration::zero();
}

async::Task<DeliveryResult> InboundPolicy::RunUnder(
    std::shared_ptr<const resiliency::Policy> policy, const contracts::Call& call,
    DeliveryAttempt& attempt) {
  resiliency::Execution run(*policy, call);
  while (true) {
    if (const base::Status entered = run.Enter(); !entered) {
      co_return DeliveryResult{Answer::kFailed, entered.error().message};
    }
    DeliveryResult result = co_await attempt.Run(run.attempt());
    if (!Attempted(result.answer)) {
      run.Forget();
      co_return result;
    }
    const bool failed = Failed(result.answer);
    const bool late = failed && run.attempt().deadline <= async::Loop::Current()->now();
    const bool again = co_await run.Again({.ok = !failed, .timed_out = late});
    if (again) continue;
    if (call.canceled()) co_return DeliveryResult{Answer::kEnded, result.why};
    co_return result;
  }
}

}  // namespace blocks::pubsub
