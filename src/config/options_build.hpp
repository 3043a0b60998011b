// From flags and environment to checked Options: every rule on values stands here. Private to
// config/.
#pragma once

#include "base/result.hpp"
#include "config/env.hpp"
#include "config/flag_table.hpp"
#include "config/options.hpp"

namespace config {

/// Fails with the one line that the process prints before it ends with exit code 1.
base::Result<Options> BuildOptions(const ParsedFlags& flags, const Env& env);

}  // namespace config
