// The Kafka broker of the pub/sub contract: one producer for the component and one consumer for
// each subscription.
#pragma once

#include <memory>

#include "async/blocking_pool.hpp"
#include "components/kafka/producer.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::kafka {

class Broker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

  uint32_t Features() const override {
    return contracts::kPubSubBulkPublish | contracts::kPubSubBulkSubscribe;
  }
  async::Task<base::Status> Publish(const contracts::Call& call,
                                    contracts::PublishRequest request) override;
  async::Task<std::vector<contracts::BulkPublishFailure>> BulkPublish(
      const contracts::Call& call, contracts::BulkPublishRequest request) override;
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override;

 private:
  base::Status CheckSchema(const contracts::Metadata& metadata) const;

  std::shared_ptr<const components::kafka::Settings> settings_;
  // For the few questions to librdkafka that block; its threads end before the producer does.
  std::shared_ptr<async::BlockingPool> pool_;
  std::unique_ptr<components::kafka::Producer> producer_;
};

}  // namespace components::pubsub::kafka
