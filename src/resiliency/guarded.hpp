// Components under a policy: what the blocks are given in place of a store or a broker that has an
// outbound policy. Components without one are used as they are, at no cost.
//
// A refusal that is the component's right answer (a conflict, a missing secret, bad input) is
// neither tried again nor counted against it. All of them: any loop; the component and the policy
// are kept alive.
#pragma once

#include <memory>

#include "contracts/pubsub.hpp"
#include "contracts/secret_store.hpp"
#include "contracts/state_store.hpp"
#include "resiliency/execution.hpp"

namespace resiliency {

// Null policies give the component itself.
std::shared_ptr<contracts::StateStore> Guard(std::shared_ptr<contracts::StateStore> store,
                                             std::shared_ptr<const Policy> policy);
std::shared_ptr<contracts::SecretStore> Guard(std::shared_ptr<contracts::SecretStore> store,
                                              std::shared_ptr<const Policy> policy);
/// For publishing: what the result subscribes to is the broker's, without policy.
std::shared_ptr<contracts::PubSub> Guard(std::shared_ptr<contracts::PubSub> broker,
                                         std::shared_ptr<const Policy> policy);

/// How an operation of a component ended.
Outcome ComponentOutcome(const base::Error* error);

/// After which failures an operation may be attempted again.
enum class Repeat : uint8_t {
  kAlways,
  kIfNotDone,  // only those that say that nothing has happened
  kNever,
};
/// Whether a failure leaves no doubt that the operation has not happened.
inline bool NothingDone(const base::Error& error) {
  return error.kind == base::Kind::kUnreachable || error.kind == base::Kind::kExhausted;
}

/// Runs `attempt(call)`, a Task of a Result, under the policy. The task ends before this one does,
/// so `attempt` may refer to what the caller has on its frame.
template <class F>
auto Guarded(const Policy& policy, const contracts::Call& call, F& attempt,
             Repeat repeat = Repeat::kAlways) -> decltype(attempt(call)) {
  Execution run(policy, call);
  while (true) {
    if (base::Status entered = run.Enter(); !entered) {
      co_return std::unexpected(std::move(entered).error());
    }
    auto result = co_await attempt(run.attempt());
    Outcome outcome = ComponentOutcome(result ? nullptr : &result.error());
    outcome.final = !result && (repeat == Repeat::kNever ||
                                (repeat == Repeat::kIfNotDone && !NothingDone(result.error())));
    if (!co_await run.Again(outcome)) {
      co_return run.Last(std::move(result));
    }
  }
}

}  // namespace resiliency
