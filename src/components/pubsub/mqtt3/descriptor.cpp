#include "components/pubsub/mqtt3/descriptor.hpp"

#include "components/pubsub/mqtt3/broker.hpp"

namespace components::pubsub::mqtt3 {

namespace {

std::vector<contracts::Field> Fields() {
  using contracts::FieldType;
  std::vector<contracts::Field> fields = mqtt::ConnectionFields(false);
  fields.push_back(
      {.name = "qos",
       .type = FieldType::kNumber,
       .default_value = "1",
       .description =
           "Quality of service of everything that is published and subscribed to: `0` at "
           "most once, `1` at least once, `2` exactly once between us and the broker.",
       .allowed = {"0", "1", "2"}});
  fields.push_back({.name = "retain",
                    .type = FieldType::kBool,
                    .default_value = "false",
                    .description = "Have the broker keep the last message of each topic for those "
                                   "who subscribe later. The publish metadata `retain` overrides "
                                   "it."});
  fields.push_back({.name = "concurrency",
                    .default_value = "parallel",
                    .description = "`parallel`: the app may be handed several messages of a "
                                   "subscription at once. `single`: one after the other, in order, "
                                   "also when one has to be tried again.",
                    .allowed = {"parallel", "single"}});
  return fields;
}

}  // namespace

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "pubsub.mqtt3",
      .versions = {"v1"},
      .aliases = {"pubsub.mqtt"},
      .features = {"SUBSCRIBE_WILDCARDS"},
      .summary =
          "Topics of an MQTT 3.1.1 broker. One connection a component, whose client id is the "
          "`consumerID`. Two clients of one id push each other out, so replicas of an app need ids "
          "of "
          "their own (`{podName}`) and share a topic by `$share/group/topic`. The broker keeps "
          "what "
          "is published while the runtime is down, unless `cleanSession` is set. Topics of "
          "subscriptions may be filters (`a/+/c`, `a/#`). A message is acknowledged when the app "
          "has "
          "handled it; one that fails is handed over again with back-off and stays unacknowledged "
          "meanwhile. With QoS 1 and 2 a subscription that is paused holds as many messages as the "
          "broker sends without acknowledgement (20 with mosquitto) and the broker keeps the rest; "
          "because the connection is shared, it then sends nothing to other subscriptions of the "
          "component either. The broker does not tell how much it keeps, so what waits is counted "
          "up to that many. A batch of `bulkSubscribe` cannot be larger than that either, and one "
          "that is asked to be larger waits out its maxAwaitDurationMs each time: set "
          "maxMessagesCount to it or less, or the broker's `max_inflight_messages` higher. With "
          "QoS 0 up to 1000 messages or 8 MiB wait for a subscription; what "
          "comes beyond them is dropped. A message of more than 64 MiB cannot be received. "
          "Subscription metadata: `unsubscribeOnClose`, to have the broker forget the subscription "
          "when it ends. Publish metadata: `retain`. Message metadata: `retained`.",
      .fields = Fields(),
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::PubSub> { return std::make_unique<Broker>(); }};
  return kDescriptor;
}

}  // namespace components::pubsub::mqtt3
