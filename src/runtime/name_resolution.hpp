// The name resolution of the process: which component, with what settings.
#pragma once

#include <memory>

#include "async/task.hpp"
#include "config/configuration.hpp"
#include "config/env.hpp"
#include "config/options.hpp"
#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"
#include "telemetry/log.hpp"

namespace runtime {

/// Starts the resolver the Configuration names (default: mdns, in Kubernetes mode kubernetes). A
/// failure is logged and leaves `out` empty: only invocations of apps elsewhere need it. Home loop.
async::Task<void> OpenNameResolver(const config::NameResolution& wanted,
                                   const config::Options& options, const config::Env& env,
                                   const contracts::Registry& registry, const telemetry::Log& log,
                                   std::shared_ptr<contracts::NameResolver>& out);
async::Task<void> CloseNameResolver(contracts::NameResolver& resolver);

}  // namespace runtime
