// pubsub.rabbitmq: topics are exchanges, each consumer group's subscription is a queue bound to
// one. Called from all loops; each has connections of its own.
#pragma once

#include <memory>

#include "components/pubsub/rabbitmq/settings.hpp"
#include "components/rabbitmq/client.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::rabbitmq {

class Broker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;
  uint32_t Features() const override { return contracts::kPubSubTtl; }

  async::Task<base::Status> Publish(const contracts::Call& call,
                                    contracts::PublishRequest request) override;
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override;

 private:
  Settings settings_;
  std::unique_ptr<components::rabbitmq::Client> client_;
};

}  // namespace components::pubsub::rabbitmq
