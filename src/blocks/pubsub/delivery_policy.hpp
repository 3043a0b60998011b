// Where policies wrap deliveries: a resiliency policy runs the attempt as often as it sees fit.
// Without one an attempt is made once.
#pragma once

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

class DeliveryPolicy {
 public:
  virtual ~DeliveryPolicy() = default;
  /// Runs the attempt under the policy and returns its last result. kAway, kRefused and kEnded are
  /// handed on at once: an app that is not there is no failed attempt.
  virtual async::Task<DeliveryResult> Run(const contracts::Call& call,
                                          DeliveryAttempt& attempt) const = 0;
};

}  // namespace blocks::pubsub
