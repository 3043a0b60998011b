// The in-memory broker: one bus, reached from all loops.
//
// Publishing returns when every subscription of the topic has the message in its queue. Queues are
// bounded: publishing waits for room, for a while, and not at all if a subscription that has no
// room is paused.
#pragma once

#include <chrono>
#include <memory>

#include "components/pubsub/in_memory/bus.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::in_memory {

class Broker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  uint32_t Features() const override {
    return contracts::kPubSubWildcards | contracts::kPubSubBulkSubscribe;
  }

  async::Task<base::Status> Publish(const contracts::Call& call,
                                    contracts::PublishRequest request) override;
  bool publishes_at_once() const override { return true; }
  bool keeps_messages() const override { return false; }
  std::optional<base::Status> PublishNow(contracts::PublishRequest& request) override;

  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override;

 private:
  base::Error Full(std::string_view topic, bool paused) const;

  Limits limits_;
  std::chrono::nanoseconds publish_wait_{};
  bool side_by_side_ = false;
  std::shared_ptr<Bus> bus_;
};

}  // namespace components::pubsub::in_memory
