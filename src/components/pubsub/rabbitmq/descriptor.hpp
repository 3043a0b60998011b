// pubsub.rabbitmq: topics are fanout (or topic) exchanges of a RabbitMQ broker.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::pubsub::rabbitmq {

const contracts::Descriptor& Descriptor();

}  // namespace components::pubsub::rabbitmq
