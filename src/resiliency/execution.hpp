// Execution: one operation under a policy, however often it is attempted. The caller makes the
// attempts:
//
//   Execution run(policy, call);
//   while (true) {
//     if (auto entered = run.Enter(); !entered) co_return std::unexpected(entered.error());
//     auto result = co_await store.Get(run.attempt(), request);
//     if (!co_await run.Again(OutcomeOf(result))) co_return run.Last(std::move(result));
//   }
//
// From the outside in: retries, the circuit breaker, the timeout of each attempt. One object an
// operation, on its loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "base/result.hpp"
#include "contracts/call.hpp"
#include "resiliency/policy.hpp"

namespace resiliency {

/// How an attempt ended.
struct Outcome {
  bool ok = true;
  int code = -1;           // HTTP status or gRPC code of the failure, where there is one
  bool timed_out = false;  // it ended by its deadline
  bool ended = false;      // nobody waits for it any more
  bool final = false;      // a failure that no further attempt can mend
};

template <class T>
Outcome OutcomeOf(const base::Result<T>& result) {
  if (result) return {};
  const base::Kind kind = result.error().kind;
  return {.ok = false,
          .timed_out = kind == base::Kind::kTimeout,
          .ended = kind == base::Kind::kCanceled};
}

class Execution {
 public:
  /// `policy` and `call` outlive it. `id` tells apart the targets of a policy for many.
  Execution(const Policy& policy, const contracts::Call& call, std::string_view id = {});
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  ~Execution();

  /// Before each attempt. The error of a breaker that lets nobody through is the operation's.
  base::Status Enter();
  /// The call to make the attempt with: its deadline may be nearer.
  const contracts::Call& attempt() const { return attempt_; }

  /// After each attempt: true when another one is to be made, once its time has come.
  async::Task<bool> Again(Outcome outcome);
  /// The two halves of it: how long to wait before another attempt, none when this was the last;
  /// and the wait, false when the call has ended meanwhile.
  std::optional<async::Duration> Judge(Outcome outcome);
  async::Task<bool> Wait(async::Duration wait);
  /// The attempt did not happen, because the target is not there: nothing is counted.
  void Forget();

  /// What to return for the last attempt: its result, with the right words if its time was over.
  template <class T>
  base::Result<T> Last(base::Result<T> result) const {
    if (!result && timed_out_) result.error().message = "context deadline exceeded";
    return result;
  }
  /// The last attempt was ended by the policy's timeout.
  bool timed_out() const { return timed_out_; }
  int64_t retries() const { return backoff_ ? backoff_->retries() : 0; }

 private:
  void Record() const;

  const Policy& policy_;
  const contracts::Call& call_;
  const std::string target_;
  std::shared_ptr<Breaker> breaker_;
  contracts::Call attempt_;
  std::optional<Breaker::Ticket> ticket_;
  std::optional<Backoff> backoff_;
  bool own_deadline_ = false;  // that of the attempt is nearer than that of the call
  bool timed_out_ = false;
  bool timeout_told_ = false;
  bool retry_told_ = false;
};

}  // namespace resiliency
