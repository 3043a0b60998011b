// Deliveries of one broker's messages under the inbound policy of its component. One a component,
// for as long as the Instance lives: what it does can change while subscriptions go on.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "blocks/pubsub/delivery_policy.hpp"
#include "resiliency/policy.hpp"

namespace blocks::pubsub {

class InboundPolicy final : public DeliveryPolicy {
 public:
  /// Null: deliveries are attempted once. Any thread; deliveries that have begun go on as before.
  void Set(std::shared_ptr<const resiliency::Policy> policy);

  async::Task<DeliveryResult> Run(const contracts::Call& call,
                                  DeliveryAttempt& attempt) const override;
  async::Duration timeout() const override;

 private:
  static async::Task<DeliveryResult> RunUnder(std::shared_ptr<const resiliency::Policy> policy,
                                              const contracts::Call& call,
                                              DeliveryAttempt& attempt);
  std::atomic<bool> has_policy_{false};
  mutable std::mutex mutex_;  // taken only while there is a policy
  std::shared_ptr<const resiliency::Policy> policy_;
};

}  // namespace blocks::pubsub
