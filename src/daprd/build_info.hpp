// Which build this is; the values come from the build system.
#pragma once

#include "config/options.hpp"

#ifndef DAPR_VERSION
#define DAPR_VERSION "1.18.3"
#endif
#ifndef DAPR_GIT_COMMIT
#define DAPR_GIT_COMMIT "unknown"
#endif

namespace daprd {

inline constexpr config::BuildInfo kBuildInfo{
    .version = DAPR_VERSION, .git_commit = DAPR_GIT_COMMIT, .git_version = DAPR_VERSION "-shared"};

}  // namespace daprd
