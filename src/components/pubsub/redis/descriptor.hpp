// pubsub.redis: topics as Redis streams.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::pubsub::redis {

const contracts::Descriptor& Descriptor();

}  // namespace components::pubsub::redis
