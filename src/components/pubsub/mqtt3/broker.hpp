// pubsub.mqtt3: one client of an MQTT broker for publishing and all subscriptions of a component.
//
// The client lives on the component's home loop, each subscription on the loop it was made on. The
// consumerID is the client id, so the broker keeps one session for the component: what is published
// while the runtime is down arrives when it is back (unless cleanSession is set).
#pragma once

#include <memory>
#include <string>

#include "components/mqtt/client.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::mqtt3 {

class Broker final : public contracts::PubSub {
 public:
  Broker() = default;
  /// For tests: other bounds on what is held.
  explicit Broker(mqtt::Inbound::Limits limits) : limits_(limits) {}

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

  uint32_t Features() const override { return contracts::kPubSubWildcards; }
  async::Task<base::Status> Publish(const contracts::Call& call,
                                    contracts::PublishRequest request) override;
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override;

 private:
  mqtt::Inbound::Limits limits_;
  uint8_t qos_ = 1;
  bool retain_ = false;
  bool clean_session_ = false;
  bool single_ = false;
  std::shared_ptr<mqtt::Client> client_;
};

}  // namespace components::pubsub::mqtt3
