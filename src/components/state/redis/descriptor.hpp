// state.redis: state in Redis, in the layout of the Go daprd.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::state::redis {

const contracts::Descriptor& Descriptor();

}  // namespace components::state::redis
