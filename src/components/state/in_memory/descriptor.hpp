// state.in-memory: values kept in this process, lost with it. For development, tests and caches.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::state::in_memory {

const contracts::Descriptor& Descriptor();

}  // namespace components::state::in_memory
