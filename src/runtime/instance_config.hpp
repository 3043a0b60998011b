// Turns what the operator wrote, flags or a SharedApp document, into one InstanceConfig.
#pragma once

#include "base/result.hpp"
#include "config/options.hpp"
#include "config/resources.hpp"
#include "config/shared_app.hpp"
#include "runtime/instance.hpp"
#include "telemetry/log.hpp"

namespace runtime {

/// Refuses a Configuration that keeps callers out by what this version cannot do.
base::Status RefuseUnenforced(const config::Configuration& configuration);

/// What the files of --config say while the app is served, ready for use. Each of them must be a
/// Configuration.
base::Result<config::Configuration> ReadConfiguration(const std::vector<std::string>& files,
                                                      const config::Env& env);

/// The one app of --app-id with the `configuration` of the process. Reads its resources, but in
/// Kubernetes mode, where the operator gives both to the app once it has its identity
/// (OperatorSource).
base::Result<InstanceConfig> ConfigFromOptions(const config::Options& options,
                                               const config::Configuration& configuration,
                                               const config::Env& env, const telemetry::Log& log);

/// One app of --apps-path. `parsed`: the process's resources, from which the app gets what its
/// namespace and scopes let it have (unless it names paths of its own); `configuration`: that of
/// the process, for an app that names none; `others`: what of files that are no Configuration.
base::Result<InstanceConfig> ConfigFromSharedApp(const config::SharedApp& app,
                                                 const config::Resources& parsed,
                                                 const config::Configuration& configuration,
                                                 const config::Options& options,
                                                 const config::Env& env, const telemetry::Log& log,
                                                 config::OtherFiles others);

}  // namespace runtime
