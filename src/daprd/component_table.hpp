// The component types that are compiled in: the one place that names vendors.
#pragma once

#include <string>

#include "contracts/descriptor.hpp"

namespace daprd {

/// Every descriptor, sorted by type. Lives as long as the process.
const contracts::Registry& ComponentRegistry();

/// The text of --list-components: type, versions, status.
std::string ListComponents();

}  // namespace daprd
