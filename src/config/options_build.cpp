#include "config/options_build.hpp"

#include <algorithm>
#include <limits>

#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "config/discovery_place.hpp"

namespace config {
namespace {

using base::Fail;
using base::Kind;
using base::Quote;
using base::StrCat;

// Fails with `message` as the one line that the process ends with.
std::unexpected<base::Error> Refuse(std::string message) {
  return Fail(Kind::kInvalidArgument, std::move(message));
}
std::unexpected<base::Error> RefuseRuntime(std::string message) {
  return Refuse(StrCat("Fatal error from runtime: ", message));
}

base::Result<uint16_t> ParsePort(std::string_view what, std::string_view flag,
                                 std::string_view text) {
  const auto value = base::ParseInt<int64_t>(text);
  if (!value) {
    return RefuseRuntime(StrCat("error parsing ", what, ": strconv.Atoi: parsing ", Quote(text),
                                ": invalid syntax; give --", flag, " a port number"));
  }
  if (*value < 0 || *value > 65535) {
    return RefuseRuntime(StrCat("error parsing ", what, ": ", *value, " is out of range; give --",
                                flag, " a port from 0 to 65535"));
  }
  return static_cast<uint16_t>(*value);
}

// A port flag whose empty value means none.
base::Result<uint16_t> ParseOptionalPort(std::string_view what, std::string_view flag,
                                         std::string_view text) {
  if (text.empty()) return uint16_t{0};
  return ParsePort(what, flag, text);
}

base::Result<int64_t> ParseSize(const ParsedFlags& flags, std::string_view flag,
                                const std::string& text, std::string_view old_flag,
                                int64_t old_value, int64_t old_unit, int64_t fallback) {
  int64_t size = fallback;
  if (flags.IsSet(flag)) {
    auto parsed = base::ParseQuantity(text);
    if (!parsed) {
      return Refuse(StrCat("Failed to parse flags: invalid value for '", flag,
                           "' option: ", parsed.error().message));
    }
    size = *parsed;
  } else if (flags.IsSet(old_flag)) {
    if (old_value > std::numeric_limits<int64_t>::max() / old_unit) {
      return Refuse(StrCat("Failed to parse flags: invalid value for '", old_flag,
                           "' option: ", old_value, " is too large; use --", flag));
    }
    size = old_value * old_unit;
  }
  return size < 0 ? fallback : size;
}

base::Result<LogLevel> ParseLogLevel(const std::string& text) {
  const std::string level = base::ToLower(text);
  for (LogLevel candidate :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kFatal}) {
    if (level == LogLevelName(candidate)) return candidate;
  }
  return Refuse(
      StrCat("invalid value for --log-level: ", text, "; use debug, info, warn, error or fatal"));
}

bool IsDnsLabel(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || base::IsDigit(c) || c == '-'; });
}

base::Status ReadIdentity(const RawFlags& raw, Options& o) {
  if (raw.mode == "kubernetes") {
    o.mode = Mode::kKubernetes;
  } else if (raw.mode != "standalone") {
    return RefuseRuntime(
        StrCat("invalid mode: ", raw.mode, "; use --mode standalone or kubernetes"));
  }
  o.app_id = raw.app_id;
  o.apps_path = raw.apps_path;
  if (!o.apps_path.empty()) {
    if (o.app_id.empty()) return {};
    return RefuseRuntime(StrCat(
        "--app-id ", o.app_id, " and --apps-path ", o.apps_path,
        " exclude each other; leave out --app-id and describe the app in a SharedApp document "
        "in that folder"));
  }
  if (o.app_id.empty()) {
    return RefuseRuntime(
        "parameter app-id cannot be empty; set --app-id, or --apps-path to serve many apps");
  }
  if (o.app_id.find('.') != std::string::npos) {
    return RefuseRuntime(
        StrCat("parameter app-id cannot contain dots; change --app-id ", o.app_id));
  }
  if (o.mode == Mode::kKubernetes && !IsDnsLabel(o.app_id + "-dapr")) {
    return RefuseRuntime(
        StrCat("invalid app-id ", Quote(o.app_id), ": ", o.app_id,
               "-dapr must be a DNS label; change --app-id to at most 58 characters of "
               "a-z, 0-9 and -"));
  }
  return {};
}

base::Status ReadApp(const RawFlags& raw, Options& o) {
  ASSIGN_OR_RETURN(o.app_port, ParseOptionalPort("app-port", "app-port", raw.app_port));
  const auto protocol = ParseAppProtocol(raw.app_protocol);
  if (!protocol) {
    return RefuseRuntime(StrCat("invalid value for 'app-protocol': ", raw.app_protocol,
                                "; use http, https, h2c, grpc or grpcs"));
  }
  o.app_protocol = *protocol;
  if (raw.app_ssl && o.app_protocol == AppProtocol::kHttp) o.app_protocol = AppProtocol::kHttps;
  if (raw.app_ssl && o.app_protocol == AppProtocol::kGrpc) o.app_protocol = AppProtocol::kGrpcs;
  if (!raw.app_channel_address.empty()) o.app_channel_address = raw.app_channel_address;
  o.app_max_concurrency = raw.app_max_concurrency;
  if (raw.app_binding_options_timeout.count() > 0) {
    o.app_binding_options_timeout = raw.app_binding_options_timeout;
  }
  for (const std::string& entry : raw.disable_init_endpoints) {
    const std::string endpoint = base::ToLower(base::Trim(entry));
    if (endpoint == "config") {
      o.ask_app_config = false;
    } else if (endpoint == "subscribe") {
      o.ask_app_subscribe = false;
    } else if (!endpoint.empty()) {
      return RefuseRuntime(StrCat("invalid value for 'disable-init-endpoints': ", entry,
                                  "; use config or subscribe"));
    }
  }
  return {};
}

base::Status ReadAppHealth(const RawFlags& raw, AppHealthOptions& o) {
  o.enabled = raw.enable_app_health_check;
  o.path = raw.app_health_check_path;
  // Beyond a year a number is a slip, and would overflow as nanoseconds.
  constexpr int64_t kYear = 366 * 86400;
  if (raw.app_health_interval > 0) {
    o.interval = std::chrono::seconds(std::min(raw.app_health_interval, kYear));
  }
  if (raw.app_health_timeout > 0) {
    o.timeout = std::chrono::milliseconds(std::min(raw.app_health_timeout, kYear * 1000));
  }
  if (raw.app_health_threshold >= 1 &&
      raw.app_health_threshold <= std::numeric_limits<int32_t>::max()) {
    o.threshold = static_cast<int32_t>(raw.app_health_threshold);
  }
  if (o.timeout > o.interval) {
    return RefuseRuntime(StrCat(
        "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'; lower "
        "--app-health-probe-timeout or raise --app-health-probe-interval"));
  }
  return {};
}

base::Status ReadPorts(const RawFlags& raw, Options& o) {
  ASSIGN_OR_RETURN(o.http_port, ParsePort("dapr-http-port flag", "dapr-http-port", raw.http_port));
  ASSIGN_OR_RETURN(o.grpc_port, ParsePort("dapr-grpc-port flag", "dapr-grpc-port", raw.grpc_port));
  ASSIGN_OR_RETURN(o.internal_grpc_port,
                   ParseOptionalPort("dapr-internal-grpc-port", "dapr-internal-grpc-port",
                                     raw.internal_grpc_port));
  ASSIGN_OR_RETURN(o.profile_port,
                   ParsePort("profile-port flag", "profile-port", raw.profile_port));
  ASSIGN_OR_RETURN(o.metrics_port,
                   ParsePort("metrics-port flag", "metrics-port", raw.metrics_port));
  if (!raw.public_port.empty()) {
    ASSIGN_OR_RETURN(o.public_port,
                     ParsePort("dapr-public-port", "dapr-public-port", raw.public_port));
  }
  if (!raw.scaler_port.empty()) {
    ASSIGN_OR_RETURN(o.scaler_port, ParsePort("scaler-port", "scaler-port", raw.scaler_port));
  }
  o.internal_grpc_listen_address = raw.internal_listen_address;
  o.listen_addresses = base::SplitTrimmed(raw.listen_addresses, ',');
  o.public_listen_address = raw.public_listen_address;
  o.unix_domain_socket = raw.unix_domain_socket;
  o.metrics_listen_address = raw.metrics_listen_address;
  o.allowed_origins = base::SplitTrimmed(raw.allowed_origins, ',');
  if (!o.apps_path.empty()) return {};
  for (const auto& [flag, port] :
       {std::pair("dapr-http-port", o.http_port), std::pair("dapr-grpc-port", o.grpc_port)}) {
    if (o.app_port == port) {
      return RefuseRuntime(StrCat("the '", flag, "' argument value ", port,
                                  " conflicts with 'app-port'; choose another --", flag));
    }
  }
  return {};
}

base::Status ReadControlPlane(const ParsedFlags& flags, const Env& env, Options& o) {
  const RawFlags& raw = flags.values;
  o.control_plane_address = raw.control_plane_address;
  o.resources_cache = raw.resources_cache;
  o.sentry_address = raw.sentry_address;
  const auto or_env = [&](std::string_view flag, const std::string& value, const char* variable) {
    const std::string from_env = flags.IsSet(flag) ? "" : env.Get(variable);
    return from_env.empty() ? value : from_env;
  };
  o.trust_domain =
      or_env("control-plane-trust-domain", raw.trust_domain, "DAPR_CONTROLPLANE_TRUST_DOMAIN");
  o.control_plane_namespace =
      or_env("control-plane-namespace", raw.control_plane_namespace, "DAPR_CONTROLPLANE_NAMESPACE");
  o.sentry_jwt_audiences = raw.sentry_jwt_audiences;
  o.enable_mtls = raw.enable_mtls;
  o.enable_mtls_given = flags.IsSet("enable-mtls");
  o.mtls_auto = raw.mtls_auto;
  o.trust_anchors_file =
      or_env("trust-anchors-file", raw.trust_anchors_file, "DAPR_TRUST_ANCHORS_FILE");
  o.placement_addresses = base::SplitTrimmed(raw.placement_address, ',');
  o.scheduler_addresses = raw.scheduler_address;
  if (!flags.IsSet("scheduler-host-address")) {
    o.scheduler_addresses = base::SplitTrimmed(env.Get("DAPR_SCHEDULER_HOST_ADDRESS_DNS_A"), ',');
  }
  o.scheduler_job_streams = raw.scheduler_job_streams;
  o.actors_disseminate_timeout = raw.actors_disseminate_timeout;
  if (o.actors_disseminate_timeout.count() <= 0) {
    return RefuseRuntime(
        "invalid value for 'actors-disseminate-timeout': it must be greater than 0; "
        "leave it out for 30s");
  }
  if (raw.hot_reload_interval.count() > 0) o.hot_reload_interval = raw.hot_reload_interval;
  const bool by_itself = o.mtls_auto && !o.enable_mtls_given && !o.sentry_address.empty();
  // In Kubernetes mode the cluster has them as well.
  if ((o.enable_mtls || by_itself) && o.mode != Mode::kKubernetes && o.env.trust_anchors.empty() &&
      o.trust_anchors_file.empty()) {
    return RefuseRuntime(
        "trust anchors are required; name a file that holds them with --trust-anchors-file, or set "
        "the environment variable DAPR_TRUST_ANCHORS to their PEM text");
  }
  return {};
}

base::Status ReadSharing(const RawFlags& raw, Options& o) {
  if (raw.threads < 0 || raw.threads > 256) {
    return RefuseRuntime(StrCat("invalid value for 'threads': ", raw.threads,
                                "; use 1 to 256, or 0 to decide by the CPUs granted"));
  }
  if (raw.app_wake_timeout.count() < 0) {
    return RefuseRuntime(
        "invalid value for 'app-wake-timeout': it may not be negative; use 0 to "
        "fail at once");
  }
  const auto wake = ParseAppWake(raw.app_wake);
  if (!wake) {
    return RefuseRuntime(
        StrCat("invalid value for 'app-wake': ", raw.app_wake, "; use request, probe or never"));
  }
  if (!raw.discovery_cache.empty() && !ParseDiscoveryPlace(raw.discovery_cache)) {
    return RefuseRuntime(StrCat("invalid value for 'discovery-cache': ", raw.discovery_cache,
                                "; use file:DIR or configmap:NAME"));
  }
  o.app_wake = *wake;
  o.discovery_cache = raw.discovery_cache;
  o.threads = static_cast<int>(raw.threads);
  o.app_wake_timeout = raw.app_wake_timeout;
  o.healthz_requires_app = raw.healthz_requires_app;
  return {};
}

void ReadEnv(const Env& env, EnvOptions& o) {
  o.app_api_token = env.Get("APP_API_TOKEN");
  o.dapr_api_token = env.Get("DAPR_API_TOKEN");
  o.trust_anchors = env.Get("DAPR_TRUST_ANCHORS");
  o.sentry_token_file = env.Get("DAPR_SENTRY_TOKEN_FILE");
  o.sentry_local_identity = env.Get("SENTRY_LOCAL_IDENTITY");
  o.host_ip = env.Get("DAPR_HOST_IP");
  if (const std::string folder = env.Get("DAPR_COMPONENTS_SOCKETS_FOLDER"); !folder.empty()) {
    o.components_sockets_folder = folder;
  }
  o.disable_h2c = base::ParseBoolTruthy(env.Get("DAPR_HTTP_DISABLE_H2C"));
  o.skip_user_check = env.Get("DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK") == "true";
  if (std::string name = env.Get("NAMESPACE"); !name.empty()) o.namespace_name = std::move(name);
  o.pod_name = env.Get("POD_NAME");
  o.kubeconfig = env.Get("KUBECONFIG");
}

void ReadPlain(const RawFlags& raw, Options& o) {
  o.enable_profiling = raw.enable_profiling;
  o.enable_metrics = raw.enable_metrics;
  o.log_file = raw.log_file;
  o.log_as_json = raw.log_as_json;
  o.enable_api_logging = raw.enable_api_logging;
  o.resources_paths = raw.resources_path;
  if (o.resources_paths.empty() && !raw.components_path.empty()) {
    o.resources_paths.push_back(raw.components_path);
  }
  o.configs = raw.config;
  o.disable_builtin_k8s_secret_store = raw.disable_builtin_k8s_secret_store;
  constexpr int64_t kYear = 366 * 86400;
  if (raw.graceful_shutdown_seconds >= 0) {
    o.graceful_shutdown = std::chrono::seconds(std::min(raw.graceful_shutdown_seconds, kYear));
  }
  o.block_shutdown = raw.block_shutdown;
  o.list_components = raw.list_components;
  o.wait = raw.wait;
}

void CollectWarnings(const ParsedFlags& flags, Options& o) {
  for (const Flag* flag : flags.set) {
    if (!flag->deprecated.empty()) {
      o.deprecation_warnings.push_back(
          StrCat("Flag --", flag->name, " has been deprecated, ", flag->deprecated));
    }
    if (!flag->later.empty()) {
      o.ignored_warnings.push_back(
          StrCat("flag --", flag->name, " is accepted but has no effect yet: ", flag->later));
    }
  }
}

}  // namespace

base::Result<Options> BuildOptions(const ParsedFlags& flags, const Env& env) {
  const RawFlags& raw = flags.values;
  Options o;
  ReadEnv(env, o.env);
  ReadPlain(raw, o);
  CollectWarnings(flags, o);
  ASSIGN_OR_RETURN(
      o.max_body_size,
      ParseSize(flags, "max-body-size", raw.max_body_size, "dapr-http-max-request-size",
                raw.http_max_request_size, int64_t{1} << 20, o.max_body_size));
  ASSIGN_OR_RETURN(
      o.read_buffer_size,
      ParseSize(flags, "read-buffer-size", raw.read_buffer_size, "dapr-http-read-buffer-size",
                raw.http_read_buffer_size, int64_t{1} << 10, o.read_buffer_size));
  ASSIGN_OR_RETURN(o.log_level, ParseLogLevel(raw.log_level));
  if (o.list_components) return o;
  if (o.wait) {
    ASSIGN_OR_RETURN(o.http_port,
                     ParsePort("dapr-http-port flag", "dapr-http-port", raw.http_port));
    o.listen_addresses = base::SplitTrimmed(raw.listen_addresses, ',');
    return o;
  }
  RETURN_IF_ERROR(ReadIdentity(raw, o));
  RETURN_IF_ERROR(ReadApp(raw, o));
  RETURN_IF_ERROR(ReadAppHealth(raw, o.app_health));
  RETURN_IF_ERROR(ReadPorts(raw, o));
  RETURN_IF_ERROR(ReadSharing(raw, o));
  RETURN_IF_ERROR(ReadControlPlane(flags, env, o));
  if (o.mode == Mode::kKubernetes && o.configs.size() > 1) {
    return RefuseRuntime(
        StrCat("multiple configurations are not supported in Kubernetes mode; give "
               "--config one name, not ",
               o.configs.size()));
  }
  return o;
}

}  // namespace config
