// The broker on Redis streams: a topic is a stream, a group of consumers is the app. Published
// entries have the layout of Dapr's Go runtime, so that either can read what the other wrote.
#pragma once

#include <memory>

#include "components/pubsub/redis/settings.hpp"
#include "components/redis/client.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::redis {

class Broker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;
  uint32_t Features() const override { return contracts::kPubSubBulkPublish; }

  async::Task<base::Status> Publish(const contracts::Call& call,
                                    contracts::PublishRequest request) override;
  async::Task<std::vector<contracts::BulkPublishFailure>> BulkPublish(
      const contracts::Call& call, contracts::BulkPublishRequest request) override;
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override;

 private:
  Settings settings_;
  std::unique_ptr<components::redis::Client> client_;
};

}  // namespace components::pubsub::redis
