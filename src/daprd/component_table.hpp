// The components that are compiled in. With its source the only place of the program that names
// vendors. Built at first use, then only read; any thread.
#pragma once

#include <string>

#include "contracts/descriptor.hpp"

namespace daprd {

/// All component types of this program.
const contracts::Registry& ComponentRegistry();

/// The text of --list-components: one line for each type with its versions and status, in columns.
std::string ListComponents();

}  // namespace daprd
