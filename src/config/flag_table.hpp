// The one table of flags: parsing, --help and the documentation page all come from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace config {

/// The flags' values before they are checked and put into Options.
struct RawFlags {
  std::string mode = "standalone";
  std::string app_id, app_port, app_protocol = "http", app_channel_address = "127.0.0.1";
  int64_t app_max_concurrency = -1;
  bool app_ssl = false;
  std::chrono::nanoseconds app_binding_options_timeout = std::chrono::seconds(3);
  std::string http_port = "3500", grpc_port = "50001", internal_grpc_port;
  std::string internal_listen_address, listen_addresses, public_port, public_listen_address;
  std::string scaler_port;
  std::string unix_domain_socket;
  bool enable_profiling = false;
  std::string profile_port = "7777";
  bool enable_metrics = true;
  std::string metrics_port = "9090", metrics_listen_address = "0.0.0.0";
  std::string log_level = "info", log_file;
  bool log_as_json = false;
  std::optional<bool> enable_api_logging;
  std::string components_path;
  std::vector<std::string> resources_path, config;
  std::string control_plane_address, sentry_address;
  std::string trust_domain = "localhost", control_plane_namespace = "default";
  std::vector<std::string> sentry_jwt_audiences;
  bool enable_mtls = false, mtls_auto = false;
  std::string trust_anchors_file;
  std::string allowed_origins;
  std::string max_body_size = "4Mi", read_buffer_size = "4Ki";
  int64_t http_max_request_size = 4, http_read_buffer_size = 4;
  int64_t graceful_shutdown_seconds = 5;
  std::optional<std::chrono::nanoseconds> block_shutdown;
  bool disable_builtin_k8s_secret_store = false;
  bool enable_app_health_check = false;
  std::string app_health_check_path = "/healthz";
  int64_t app_health_interval = 5, app_health_timeout = 500, app_health_threshold = 3;
  std::vector<std::string> disable_init_endpoints;
  std::string placement_address;
  std::vector<std::string> scheduler_address;
  uint64_t scheduler_job_streams = 3;
  std::chrono::nanoseconds actors_disseminate_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds hot_reload_interval{0};
  std::string reminders_service, actors_service;
  bool version = false, build_info = false, wait = false;
  // Ours.
  int64_t threads = 0;
  std::string apps_path;
  std::chrono::nanoseconds app_wake_timeout{0};
  std::string app_wake = "request", discovery_cache;
  bool healthz_requires_app = false;
  bool list_components = false;
  std::string resources_cache;
};

enum class FlagGroup : uint8_t {
  kApplication,
  kSharing,
  kServers,
  kHealth,
  kResources,
  kObservability,
  kControlPlane,
  kActors,
  kLifecycle,
  kCount,
};
std::string_view FlagGroupTitle(FlagGroup group);

using FlagTarget =
    std::variant<std::string RawFlags::*, bool RawFlags::*, std::optional<bool> RawFlags::*,
                 int64_t RawFlags::*, uint64_t RawFlags::*, std::chrono::nanoseconds RawFlags::*,
                 std::optional<std::chrono::nanoseconds> RawFlags::*,
                 std::vector<std::string> RawFlags::*>;

struct Flag {
  std::string_view name;
  FlagTarget target;
  FlagGroup group;
  std::string_view value;         // what stands for the value in help ("PORT"); "" for booleans
  std::string_view default_text;  // as shown; "" = none
  std::string_view help;
  std::string_view env = "";         // variable used when the flag is not given
  std::string_view deprecated = "";  // what to use instead
  std::string_view later = "";  // the feature that is still missing, when the flag does nothing
  bool hidden = false;
};

std::span<const Flag> FlagTable();
/// Null when there is no such flag.
const Flag* FindFlag(std::string_view name);

struct ParsedFlags {
  RawFlags values;
  std::vector<const Flag*> set;  // in the order of first use
  bool help = false;
  std::string error;  // "unknown flag: --x" and the like; empty when all is well
  bool IsSet(std::string_view name) const;
};

/// Applies the arguments by the rules of pflag: "--x v", "--x=v", booleans take a value only with
/// "=", lists repeat and split at commas, "-name" is "--name", "--" ends the flags, other words are
/// passed over.
ParsedFlags ParseFlags(std::span<const std::string> args);

/// The --help page: flags by subject, with default and environment variable.
std::string FlagsHelp();
/// The same as Markdown tables, for the documentation.
std::string FlagsMarkdown();

}  // namespace config
