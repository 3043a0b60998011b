// pubsub.kafka: topics of an Apache Kafka cluster.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::pubsub::kafka {

const contracts::Descriptor& Descriptor();

}  // namespace components::pubsub::kafka
