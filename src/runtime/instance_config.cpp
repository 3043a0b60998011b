#include "runtime/instance_config.hpp"

#include "base/strings.hpp"

namespace runtime {
namespace {

// What flags say for every app: patience and health checks.
void FillTarget(const config::Options& options, target::TargetConfig& target) {
  target.probe = options.app_wake != config::AppWake::kNever;
  target.wake_timeout = options.app_wake_timeout;
  target.health_check = options.app_health.enabled;
  target.health_path = options.app_health.path;
  target.health_interval =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.app_health.interval);
  target.health_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.app_health.timeout);
  target.health_threshold = options.app_health.threshold;
}

// Text that changes whenever a document does, so that a reload can tell changed apps from others.
std::string Fingerprint(const config::SharedApp& app) {
  std::string text;
  const auto add = [&](const auto& value) { base::StrAppend(text, value, "\n"); };
  const auto add_port = [&](const std::optional<uint16_t>& port) { add(port.value_or(0)); };
  const auto add_secret = [&](const config::StoreSecretRef& ref) {
    add(ref.store);
    add(ref.name);
    add(ref.key);
  };
  add(app.meta.name);
  add(app.meta.namespace_name);
  add(app.app_id);
  add(app.target.address);
  add(app.target.port);
  add(static_cast<int>(app.target.protocol));
  add(app.target.max_concurrency);
  if (app.target.api_token) add_secret(*app.target.api_token);
  for (const config::TokenSource& token : app.api_tokens) {
    add(token.value);
    if (token.secret) add_secret(*token.secret);
  }
  for (const std::string& name : app.config) add(name);
  add_port(app.ports.http);
  add_port(app.ports.grpc);
  add_port(app.ports.internal);
  add(app.wake ? static_cast<int>(*app.wake) : -1);
  add(app.discovery_cache.value_or("-"));
  add(app.sentry_token_file);
  add(app.limits.in_flight);
  add(app.limits.body_memory);
  for (const std::string& path : app.resources_paths.value_or(std::vector<std::string>()))
    add(path);
  return text;
}

// In Kubernetes mode the operator gives the app its Configuration, by the first of these names, and
// its resources.
bool FromOperator(const config::Options& options, const std::vector<std::string>& names,
                  InstanceConfig& out) {
  if (options.mode != config::Mode::kKubernetes) return false;
  if (!names.empty()) out.configuration_name = names.front();
  return true;
}

}  // namespace

// What keeps callers out and is not built yet: serving without it would be worse than not serving.
base::Status RefuseUnenforced(const config::Configuration& configuration) {
  for (const auto* pipeline : {&configuration.http_pipeline, &configuration.app_http_pipeline}) {
    if (pipeline->empty()) continue;
    return base::Fail(
        base::Kind::kUnimplemented,
        base::StrCat("the Configuration names the middleware ", pipeline->front().LogName(),
                     ", which is not part of this version yet: remove it"));
  }
  return {};
}

base::Result<config::Configuration> ReadConfiguration(const std::vector<std::string>& files,
                                                      const config::Env& env) {
  ASSIGN_OR_RETURN(config::Configuration configuration,
                   config::LoadConfiguration(files, env, config::OtherFiles::kRefuse));
  RETURN_IF_ERROR(RefuseUnenforced(configuration));
  config::ApplyOtelEnv(env, configuration);
  return configuration;
}

base::Result<InstanceConfig> ConfigFromOptions(const config::Options& options,
                                               const config::Configuration& configuration,
                                               const config::Env& env, const telemetry::Log& log) {
  InstanceConfig out;
  out.app_id = options.app_id;
  out.app_namespace = options.Namespace();
  out.target.host = options.app_channel_address;
  out.target.port = options.app_port;
  out.target.protocol = options.app_protocol;
  out.target.max_concurrency = static_cast<int>(options.app_max_concurrency);
  out.target.api_token = options.env.app_api_token;
  FillTarget(options, out.target);
  out.app_wake = options.app_wake;
  out.discovery_cache = options.discovery_cache;
  if (!options.env.dapr_api_token.empty()) out.tokens.push_back({options.env.dapr_api_token, {}});
  if (options.internal_grpc_port != 0) out.internal_port = options.internal_grpc_port;
  if (FromOperator(options, options.configs, out)) return out;
  out.configuration = configuration;
  for (const std::string& warning : configuration.warnings) log.Warning(warning);
  RETURN_IF_ERROR(RefuseUnenforced(out.configuration));
  config::ApplyOtelEnv(env, out.configuration);
  ASSIGN_OR_RETURN(out.resources, config::LoadResources(options.resources_paths,
                                                        options.env.namespace_name, out.app_id));
  for (const std::string& warning : out.resources.warnings) log.Warning(warning);
  return out;
}

base::Result<InstanceConfig> ConfigFromSharedApp(const config::SharedApp& app,
                                                 const config::Resources& parsed,
                                                 const config::Configuration& configuration,
                                                 const config::Options& options,
                                                 const config::Env& env, const telemetry::Log& log,
                                                 config::OtherFiles others) {
  InstanceConfig out;
  out.app_id = app.app_id;
  out.app_namespace =
      app.meta.namespace_name.empty() ? options.Namespace() : app.meta.namespace_name;
  out.target.host = app.target.address;
  out.target.port = app.target.port;
  out.target.protocol = app.target.protocol;
  out.target.max_concurrency = static_cast<int>(app.target.max_concurrency);
  FillTarget(options, out.target);
  out.app_wake = app.wake.value_or(options.app_wake);
  out.target.probe = out.app_wake != config::AppWake::kNever;
  out.discovery_cache = app.discovery_cache.value_or(options.discovery_cache);
  out.app_token = app.target.api_token;
  out.tokens = app.api_tokens;
  out.http_port = app.ports.http;
  out.grpc_port = app.ports.grpc;
  out.internal_port = app.ports.internal;
  out.sentry_token_file = app.sentry_token_file;
  out.max_in_flight = app.limits.in_flight;
  out.max_body_memory = app.limits.body_memory;
  out.fingerprint = Fingerprint(app);
  if (FromOperator(options, app.config.empty() ? options.configs : app.config, out)) return out;
  out.configuration = configuration;
  if (!app.config.empty()) {
    ASSIGN_OR_RETURN(out.configuration, config::LoadConfiguration(app.config, env, others));
    for (const std::string& warning : out.configuration.warnings) log.Warning(warning);
  }
  RETURN_IF_ERROR(RefuseUnenforced(out.configuration));
  config::ApplyOtelEnv(env, out.configuration);
  const std::optional<std::string> name_space =
      options.env.namespace_name || !app.meta.namespace_name.empty()
          ? std::optional(out.app_namespace)
          : std::nullopt;
  if (app.resources_paths) {
    ASSIGN_OR_RETURN(out.resources,
                     config::LoadResources(*app.resources_paths, name_space, out.app_id));
    for (const std::string& warning : out.resources.warnings) log.Warning(warning);
  } else {
    ASSIGN_OR_RETURN(out.resources, config::SelectForApp(parsed, out.app_id, name_space));
  }
  return out;
}

}  // namespace runtime
