// state.postgresql: state in a PostgreSQL database, in the tables of the Go daprd. Two versions
// that keep their data differently and cannot read each other's.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::state::postgresql {

namespace v1 {
const contracts::Descriptor& Descriptor();
}
namespace v2 {
const contracts::Descriptor& Descriptor();
}

}  // namespace components::state::postgresql
