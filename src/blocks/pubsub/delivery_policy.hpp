// Where policies wrap deliveries: a resiliency policy runs the attempt as often as it sees fit.
// Without one an attempt is made once.
#pragma once

#include <optional>
#include <utility>

#include "async/task.hpp"
#include "blocks/pubsub/delivery_result.hpp"
#include "contracts/call.hpp"

namespace blocks::pubsub {

/// One way of bringing a message, or a batch, to the app; may be run again and again.
class DeliveryAttempt {
 public:
  virtual ~DeliveryAttempt() = default;
  virtual async::Task<DeliveryResult> Run(const contracts::Call& call) = 0;
};

/// An attempt whose first run has been made already, outside the policy: it counts as the first.
class AfterFirst final : public DeliveryAttempt {
 public:
  AfterFirst(DeliveryResult first, DeliveryAttempt& next) : first_(std::move(first)), next_(next) {}
  async::Task<DeliveryResult> Run(const contracts::Call& call) override {
    if (!first_) return next_.Run(call);
    return Hand(std::move(*std::exchange(first_, std::nullopt)));
  }

 private:
  static async::Task<DeliveryResult> Hand(DeliveryResult result) { co_return result; }
  std::optional<DeliveryResult> first_;
  DeliveryAttempt& next_;
};

class DeliveryPolicy {
 public:
  virtual ~DeliveryPolicy() = default;
  /// Runs the attempt under the policy and returns its last result. kAway, kRefused, kBroken and
  /// kEnded are handed on at once: an app that is not there is no failed attempt.
  virtual async::Task<DeliveryResult> Run(const contracts::Call& call,
                                          DeliveryAttempt& attempt) const = 0;
  /// The most that one attempt may take; 0 = no limit.
  virtual async::Duration timeout() const = 0;
};

}  // namespace blocks::pubsub
