#include "components/pubsub/kafka/descriptor.hpp"

#include "components/kafka/settings.hpp"
#include "components/pubsub/kafka/broker.hpp"

namespace components::pubsub::kafka {

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "pubsub.kafka",
      .versions = {"v1"},
      .features = {"BULK_PUBLISH", "BULK_SUBSCRIBE"},
      .summary =
          "Topics of Apache Kafka. Each subscription is a member of the consumer group, so several "
          "of one topic share its partitions. Within a partition messages are handed over in their "
          "order, partitions go on beside each other, and an offset is committed only when all "
          "messages before it are done. Publishing: metadata `partitionKey` (or `__key`) is the "
          "key, `partitionNumber` the partition, and all metadata become headers. Received: the "
          "headers, and `__key`, `__topic`, `__partition`, `__offset` and `__timestamp`.",
      .fields = components::kafka::ConnectionFields(true),
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::PubSub> { return std::make_unique<Broker>(); }};
  return kDescriptor;
}

}  // namespace components::pubsub::kafka
