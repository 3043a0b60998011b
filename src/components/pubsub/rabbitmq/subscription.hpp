// A subscription of pubsub.rabbitmq: a consumer of one queue, in the terms of the contract. Lives
// on the loop it was made on.
#pragma once

#include <string>

#include "components/rabbitmq/consumer.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::rabbitmq {

class Subscription final : public contracts::Subscription, components::rabbitmq::ConsumerHandler {
 public:
  Subscription(components::rabbitmq::Link& link, contracts::MessageHandler& handler,
               std::string topic, bool properties_to_metadata,
               components::rabbitmq::ConsumerOptions options)
      : handler_(handler),
        topic_(std::move(topic)),
        properties_to_metadata_(properties_to_metadata),
        consumer_(link, *this, std::move(options)) {}

  /// After an error it is destroyed without Close.
  async::Task<base::Status> Start(const async::Context& context) {
    return consumer_.Start(context);
  }

  void Pause() override { consumer_.Pause(); }
  void Resume() override { consumer_.Resume(); }
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override { return consumer_.Close(call); }

 private:
  async::Task<contracts::Verdict> OnMessage(const contracts::Call& call,
                                            components::rabbitmq::Delivery delivery) override;

  contracts::MessageHandler& handler_;
  const std::string topic_;
  const bool properties_to_metadata_;
  components::rabbitmq::Consumer consumer_;
};

}  // namespace components::pubsub::rabbitmq
