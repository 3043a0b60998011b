// A broker as one app's API sees it: its name, who may use which topics, and how topics are called
// at the broker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "blocks/pubsub/scopes.hpp"
#include "config/component.hpp"
#include "config/properties.hpp"
#include "contracts/pubsub.hpp"

namespace blocks::pubsub {

class DeliveryPolicy;

struct NamedPubSub {
  std::string name;
  std::shared_ptr<contracts::PubSub> pubsub;
  /// Publishes under the component's outbound policy; null where it has none.
  std::shared_ptr<contracts::PubSub> publisher;
  /// What wraps deliveries; not owned, outlives all subscriptions. Null: nothing.
  const DeliveryPolicy* inbound = nullptr;
  uint32_t features = 0;  // contracts::PubSubFeature bits
  Scopes scopes;
  /// Stands before every topic at the broker, without a separator; empty unless some metadata value
  /// of the component uses {namespace}.
  std::string topic_prefix;

  /// The broker to publish by.
  contracts::PubSub& outbound() const { return publisher ? *publisher : *pubsub; }
  /// The topic's name at the broker.
  std::string BrokerTopic(std::string_view topic) const {
    return topic_prefix + std::string(topic);
  }
  /// Whether a subscription that was made at one of them may go on at the other.
  bool SameFor(const NamedPubSub& other) const {
    return name == other.name && pubsub == other.pubsub && topic_prefix == other.topic_prefix &&
           scopes == other.scopes;
  }
  /// The topic as the app names it, of a message that came from the broker.
  std::string AppTopic(std::string_view broker_topic) const;
};

NamedPubSub MakeNamedPubSub(std::shared_ptr<contracts::PubSub> pubsub,
                            const config::Component& component,
                            const config::Properties& properties, std::string_view app_id,
                            std::string_view app_namespace);

/// The properties a broker is started with: those of the component with the consumer group
/// (`consumerID`) set to the app-id unless it is given.
config::Properties WithConsumerId(const config::Properties& properties, std::string_view app_id);

}  // namespace blocks::pubsub
