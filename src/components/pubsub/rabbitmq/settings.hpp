// What the component and its subscriptions are told by metadata, and the exchanges and queues that
// follow from it. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "components/rabbitmq/consumer.hpp"
#include "components/rabbitmq/publisher.hpp"
#include "components/rabbitmq/settings.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::rabbitmq {

struct Settings {
  std::string component;
  components::rabbitmq::Settings connection;
  std::string consumer_id;
  std::string exchange_kind = "fanout";
  bool durable = true;
  bool delete_unused = true;
  bool delete_unused_given = false;  // somebody has written it
  bool dead_letter = false;
  bool confirms = false;
  bool auto_ack = false;
  bool requeue = false;
  bool single = false;
  bool properties_to_metadata = false;
  uint8_t delivery_mode = 2;
  uint16_t prefetch = 0;   // as given; 0 = ours
  int64_t max_length = 0;  // 0 = none
  int64_t max_bytes = 0;
  std::optional<std::chrono::nanoseconds> ttl;
  std::chrono::nanoseconds hold = std::chrono::minutes(10);
};

/// kInvalidArgument names the component, the field and the mend.
base::Result<Settings> ReadSettings(const config::Properties& properties);

/// The exchange of a topic.
components::rabbitmq::ExchangeSpec ExchangeOf(const Settings& settings, const std::string& topic);

/// What a subscription declares and how it consumes. kInvalidArgument on metadata that can never
/// work.
base::Result<components::rabbitmq::ConsumerOptions> ConsumerOf(
    const Settings& settings, const contracts::SubscribeRequest& request);

/// The message as it is sent. kInvalidArgument on metadata that is wrong.
base::Result<components::rabbitmq::Outgoing> MessageOf(const Settings& settings,
                                                       contracts::PublishRequest request);

}  // namespace components::pubsub::rabbitmq
