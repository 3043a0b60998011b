// WaitingWork: how much work waits for one app: messages at the brokers, messages in hand, calls.
// What autoscalers are told. Brokers are asked at most every few seconds, however many ask here;
// the app is never asked. One an Instance; home loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "async/wait.hpp"
#include "base/result.hpp"
#include "blocks/pubsub/subscription_manager.hpp"
#include "target/target.hpp"

namespace runtime {

class WaitingWork {
 public:
  /// Which part of the work is meant.
  struct Filter {
    std::string pubsub;  // empty = all
    std::string topic;   // empty = all
    bool invocations = true;
  };

  WaitingWork(blocks::pubsub::SubscriptionManager& subscriptions, const target::Target& target)
      : subscriptions_(subscriptions), target_(target) {}
  WaitingWork(const WaitingWork&) = delete;
  WaitingWork& operator=(const WaitingWork&) = delete;

  /// The number of messages and calls. A message counts until the app is done with it, a call while
  /// it waits for the app. Takes as long as the brokers do, but a few seconds at most. Of a broker
  /// that cannot be asked its last word counts; without any, and when there is no other work,
  /// kUnavailable: that there is none is then nothing to be sure of.
  async::Task<base::Result<int64_t>> Count(const async::Context& context, Filter filter);

 private:
  using Waiting = blocks::pubsub::SubscriptionManager::Waiting;
  async::Task<void> Refresh(const async::Context& context);
  void UseLastWords(std::vector<Waiting>& messages) const;

  blocks::pubsub::SubscriptionManager& subscriptions_;
  const target::Target& target_;
  std::vector<Waiting> messages_;
  async::TimePoint fresh_until_{};
  bool asking_ = false;
  async::Event answered_;
};

}  // namespace runtime
