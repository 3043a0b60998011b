// The process's options: every flag and environment variable, typed, defaulted and checked. Made
// once at start-up by ParseOptions; a plain value that everything else reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/app_protocol.hpp"
#include "config/app_wake.hpp"
#include "config/env.hpp"

namespace config {

enum class Mode { kStandalone, kKubernetes };
enum class LogLevel { kDebug, kInfo, kWarn, kError, kFatal };
std::string_view LogLevelName(LogLevel level);

/// What comes from environment variables alone. Tokens in here must not be logged.
struct EnvOptions {
  std::string app_api_token;
  std::string dapr_api_token;
  std::string trust_anchors;  // PEM
  std::string sentry_token_file;
  std::string sentry_local_identity;
  std::string host_ip;
  std::string components_sockets_folder = "/tmp/dapr-components-sockets";
  bool disable_h2c = false;
  bool skip_user_check = false;
  /// NAMESPACE when it is set and not empty; then manifests are filtered by it.
  std::optional<std::string> namespace_name;
  std::string pod_name;
  std::string kubeconfig;
};

struct AppHealthOptions {
  bool enabled = false;
  std::string path = "/healthz";
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
  std::chrono::nanoseconds timeout = std::chrono::milliseconds(500);
  int32_t threshold = 3;
};

struct Options {
  Mode mode = Mode::kStandalone;

  // The application.
  std::string app_id;
  uint16_t app_port = 0;                          // 0 = no app channel
  AppProtocol app_protocol = AppProtocol::kHttp;  // --app-ssl already applied
  std::string app_channel_address = "127.0.0.1";
  int64_t app_max_concurrency = -1;  // <= 0 = unlimited
  std::chrono::nanoseconds app_binding_options_timeout = std::chrono::seconds(3);
  AppHealthOptions app_health;
  bool ask_app_config = true;     // false: --disable-init-endpoints config
  bool ask_app_subscribe = true;  // false: --disable-init-endpoints subscribe

  // Our own.
  int threads = 0;  // 0 = by the CPUs the cgroup grants
  std::string apps_path;
  std::chrono::nanoseconds app_wake_timeout{0};
  AppWake app_wake = AppWake::kRequest;
  std::string discovery_cache;  // a DiscoveryPlace; empty = nothing is remembered
  bool healthz_requires_app = false;
  bool list_components = false;

  // Servers.
  uint16_t http_port = 3500;
  uint16_t grpc_port = 50001;
  uint16_t internal_grpc_port = 0;  // 0 = a stable port derived from the app-id
  std::string internal_grpc_listen_address;
  std::vector<std::string> listen_addresses;  // empty = all
  std::optional<uint16_t> public_port;
  std::string public_listen_address;
  std::optional<uint16_t> scaler_port;
  std::string unix_domain_socket;
  std::vector<std::string> allowed_origins;  // empty = CORS off
  int64_t max_body_size = int64_t{4} << 20;
  int64_t read_buffer_size = int64_t{4} << 10;

  // Observability.
  bool enable_profiling = false;
  uint16_t profile_port = 7777;
  bool enable_metrics = true;
  uint16_t metrics_port = 9090;
  std::string metrics_listen_address = "0.0.0.0";
  LogLevel log_level = LogLevel::kInfo;
  std::string log_file;
  bool log_as_json = false;
  std::optional<bool> enable_api_logging;  // unset = the Configuration decides

  // Resources.
  std::vector<std::string> resources_paths;
  std::vector<std::string> configs;
  bool disable_builtin_k8s_secret_store = false;
  std::chrono::nanoseconds hot_reload_interval = std::chrono::seconds(60);

  // Control plane.
  std::string control_plane_address;
  std::string resources_cache;  // a folder; empty = nothing is remembered
  std::string sentry_address;
  std::string trust_domain = "localhost";
  std::string control_plane_namespace = "default";
  std::vector<std::string> sentry_jwt_audiences;
  bool enable_mtls = false;
  bool enable_mtls_given = false;                // then mtls_auto has no say
  bool mtls_auto = false;                        // TLS between runtimes where there is a sentry
  std::string trust_anchors_file;                // in place of the environment's PEM, and watched
  std::vector<std::string> placement_addresses;  // empty = actors off
  std::vector<std::string> scheduler_addresses;
  uint64_t scheduler_job_streams = 3;
  std::chrono::nanoseconds actors_disseminate_timeout = std::chrono::seconds(30);

  // Shutdown.
  std::chrono::nanoseconds graceful_shutdown = std::chrono::seconds(5);
  std::optional<std::chrono::nanoseconds> block_shutdown;

  bool wait = false;  // wait for this runtime's outbound health, then end

  EnvOptions env;
  /// Deprecated flags that were used, one line each.
  std::vector<std::string> deprecation_warnings;
  /// Flags that were set and do nothing yet, one line each.
  std::vector<std::string> ignored_warnings;

  /// The namespace for identity: NAMESPACE, else "default".
  std::string Namespace() const { return env.namespace_name.value_or("default"); }
};

struct BuildInfo {
  std::string_view version = "edge";
  std::string_view git_commit = "unknown";
  std::string_view git_version = "unknown";
};

/// Options, or how the process ends at once.
struct ParseOutcome {
  std::optional<Options> options;
  int exit_code = 0;
  std::string text;  // for stdout when exit_code is 0, else for stderr; complete lines or one line
};

/// Reads the arguments (without the program's name) and the environment. An unknown flag or a value
/// of the wrong type ends with 2, a value that cannot be used with 1, --help, --version and
/// --build-info with 0.
ParseOutcome ParseOptions(std::span<const std::string> args, const Env& env,
                          const BuildInfo& build = {});
ParseOutcome ParseOptions(int argc, const char* const* argv, const Env& env,
                          const BuildInfo& build = {});

/// Refuses the root user in Kubernetes mode unless DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK says
/// so.
base::Status CheckProcessUser(const Options& options, unsigned uid);

}  // namespace config
