// pubsub.mqtt3: topics of an MQTT 3.1.1 broker.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::pubsub::mqtt3 {

const contracts::Descriptor& Descriptor();

}  // namespace components::pubsub::mqtt3
