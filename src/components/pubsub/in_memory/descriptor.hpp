// pubsub.in-memory: topics inside this process, lost with it. For development and tests.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::pubsub::in_memory {

const contracts::Descriptor& Descriptor();

}  // namespace components::pubsub::in_memory
