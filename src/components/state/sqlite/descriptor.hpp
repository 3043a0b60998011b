// state.sqlite: state in one SQLite file, in the layout of the Go daprd.
#pragma once

#include "contracts/descriptor.hpp"

namespace components::state::sqlite {

const contracts::Descriptor& Descriptor();

}  // namespace components::state::sqlite
