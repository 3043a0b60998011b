#include "config/flag_table.hpp"

#include <algorithm>

namespace config {
namespace {

using R = RawFlags;
using enum FlagGroup;

constexpr Flag kFlags[] = {
    {"app-id", &R::app_id, kApplication, "ID", "",
     "Name of the application. Required (unless --apps-path is given), without dots."},
    {"app-port", &R::app_port, kApplication, "PORT", "",
     "Port the application listens on; 0 or none: it is never called."},
    {"app-protocol", &R::app_protocol, kApplication, "NAME", "http",
     "How the application is called: http, https, h2c, grpc or grpcs."},
    {"app-channel-address", &R::app_channel_address, kApplication, "HOST", "127.0.0.1",
     "Host name or address of the application."},
    {"app-max-concurrency", &R::app_max_concurrency, kApplication, "N", "-1",
     "Most calls to the application at a time; 0 or less: no limit."},
    {"app-ssl", &R::app_ssl, kApplication, "", "false", "Call the application over TLS.", "",
     "use --app-protocol https or grpcs"},
    {"app-binding-options-timeout", &R::app_binding_options_timeout, kApplication, "TIME", "3s",
     "How long the application may take to say which input bindings it wants."},
    {"disable-init-endpoints", &R::disable_init_endpoints, kApplication, "LIST", "",
     "Do not ask the application for these: config, subscribe."},

    {"apps-path", &R::apps_path, kSharing, "DIR", "",
     "Serve every SharedApp document in this folder instead of one --app-id."},
    {"threads", &R::threads, kSharing, "N", "0",
     "Number of loops; 0: as many as the CPUs granted, at most 4."},
    {"app-wake-timeout", &R::app_wake_timeout, kSharing, "TIME", "0s",
     "How long a call waits for an application that is not there; 0: fail at once."},
    {"app-wake", &R::app_wake, kSharing, "NAME", "request",
     "What may wake an application that is not there: request, probe or never."},
    {"discovery-cache", &R::discovery_cache, kSharing, "PLACE", "",
     "Remember what the application wants, for starts while it is not there: file:DIR or "
     "configmap:NAME."},
    {"healthz-requires-app", &R::healthz_requires_app, kSharing, "", "false",
     "Report healthy only once the application's port has opened."},
    {"list-components", &R::list_components, kSharing, "", "false",
     "Print the components that are built in and exit."},

    {"dapr-http-port", &R::http_port, kServers, "PORT", "3500", "Port of the HTTP API."},
    {"dapr-grpc-port", &R::grpc_port, kServers, "PORT", "50001", "Port of the gRPC API."},
    {"dapr-internal-grpc-port", &R::internal_grpc_port, kServers, "PORT", "",
     "Port for other Dapr runtimes; 0 or none: a stable one derived from the app-id."},
    {"dapr-internal-grpc-listen-address", &R::internal_listen_address, kServers, "ADDRESS", "",
     "Address that port is bound to."},
    {"dapr-listen-addresses", &R::listen_addresses, kServers, "LIST", "",
     "Addresses the APIs are bound to; none: all."},
    {"dapr-public-port", &R::public_port, kServers, "PORT", "",
     "Port that serves health and metadata without a token; none: no such port."},
    {"dapr-public-listen-address", &R::public_listen_address, kServers, "ADDRESS", "",
     "Address that port is bound to."},
    {"scaler-port", &R::scaler_port, kServers, "PORT", "",
     "Port of the KEDA external scaler, bound as the public port is, which serves it too."},
    {"unix-domain-socket", &R::unix_domain_socket, kServers, "DIR", "",
     "Serve the APIs on Unix sockets in this folder instead of TCP."},
    {"allowed-origins", &R::allowed_origins, kServers, "LIST", "",
     "Origins that browsers may call from; none: no CORS headers, *: all."},
    {"max-body-size", &R::max_body_size, kServers, "SIZE", "4Mi",
     "Largest body or message of the APIs."},
    {"dapr-http-max-request-size", &R::http_max_request_size, kServers, "MB", "4",
     "Largest body in megabytes.", "", "use --max-body-size"},
    {"read-buffer-size", &R::read_buffer_size, kServers, "SIZE", "4Ki",
     "Largest header of a request."},
    {"dapr-http-read-buffer-size", &R::http_read_buffer_size, kServers, "KB", "4",
     "Largest header in kilobytes.", "", "use --read-buffer-size"},

    {"enable-app-health-check", &R::enable_app_health_check, kHealth, "", "false",
     "Probe the application and pause its work while it is unhealthy."},
    {"app-health-check-path", &R::app_health_check_path, kHealth, "PATH", "/healthz",
     "Path probed over HTTP."},
    {"app-health-probe-interval", &R::app_health_interval, kHealth, "SECONDS", "5",
     "Time between probes."},
    {"app-health-probe-timeout", &R::app_health_timeout, kHealth, "MILLISECONDS", "500",
     "Time a probe may take; at most the interval."},
    {"app-health-threshold", &R::app_health_threshold, kHealth, "N", "3",
     "Failures in a row that make the application unhealthy."},

    {"resources-path", &R::resources_path, kResources, "DIRS", "",
     "Folders of resource files (components, subscriptions, …)."},
    {"components-path", &R::components_path, kResources, "DIR", "",
     "Folder of resource files, when --resources-path is not given.", "", "use --resources-path"},
    {"config", &R::config, kResources, "FILES", "",
     "Configuration files, merged in order; in Kubernetes the name of one Configuration."},
    {"mode", &R::mode, kResources, "NAME", "standalone",
     "Where resources come from: standalone or kubernetes."},
    {"disable-builtin-k8s-secret-store", &R::disable_builtin_k8s_secret_store, kResources, "",
     "false", "Do not offer the built-in Kubernetes secret store.", "", "",
     "the built-in Kubernetes secret store"},
    {"hot-reload-reconcile-interval", &R::hot_reload_interval, kResources, "TIME", "1m0s",
     "Time between full comparisons of the resources with what is loaded."},

    {"log-level", &R::log_level, kObservability, "NAME", "info",
     "Least severe entries logged: debug, info, warn, error or fatal."},
    {"log-as-json", &R::log_as_json, kObservability, "", "false", "Log as JSON."},
    {"log-file", &R::log_file, kObservability, "FILE", "", "Log to this file too."},
    {"enable-api-logging", &R::enable_api_logging, kObservability, "", "",
     "Log every API call; not given: as the Configuration says."},
    {"enable-metrics", &R::enable_metrics, kObservability, "", "true", "Serve Prometheus metrics."},
    {"metrics-port", &R::metrics_port, kObservability, "PORT", "9090", "Port of the metrics."},
    {"metrics-listen-address", &R::metrics_listen_address, kObservability, "ADDRESS", "0.0.0.0",
     "Address that port is bound to."},
    {"enable-profiling", &R::enable_profiling, kObservability, "", "false", "Serve profiles.", "",
     "", "profiling"},
    {"profile-port", &R::profile_port, kObservability, "PORT", "7777", "Port of the profiles.", "",
     "", "profiling"},

    {"control-plane-address", &R::control_plane_address, kControlPlane, "ADDRESS", "",
     "Address of the operator."},
    {"resources-cache", &R::resources_cache, kControlPlane, "DIR", "",
     "Remember what the operator said, secrets included, for starts while it is away."},
    {"sentry-address", &R::sentry_address, kControlPlane, "ADDRESS", "",
     "Address of sentry, host:port."},
    {"control-plane-trust-domain", &R::trust_domain, kControlPlane, "NAME", "localhost",
     "Trust domain of the control plane.", "DAPR_CONTROLPLANE_TRUST_DOMAIN"},
    {"control-plane-namespace", &R::control_plane_namespace, kControlPlane, "NAME", "default",
     "Namespace of the control plane.", "DAPR_CONTROLPLANE_NAMESPACE"},
    {"sentry-request-jwt-audiences", &R::sentry_jwt_audiences, kControlPlane, "LIST", "",
     "Audiences of the identity token asked of sentry."},
    {"enable-mtls", &R::enable_mtls, kControlPlane, "", "false",
     "Speak TLS with identities to other Dapr runtimes."},
    {"mtls-auto", &R::mtls_auto, kControlPlane, "", "false",
     "Without --enable-mtls: speak TLS if there is a sentry and mTLS is not off in the "
     "Configuration."},
    {"trust-anchors-file", &R::trust_anchors_file, kControlPlane, "FILE", "",
     "File of the trusted roots, in place of DAPR_TRUST_ANCHORS; read again when it changes.",
     "DAPR_TRUST_ANCHORS_FILE"},

    {"placement-host-address", &R::placement_address, kActors, "LIST", "",
     "Addresses of placement; none: actors are off."},
    {"actors-disseminate-timeout", &R::actors_disseminate_timeout, kActors, "TIME", "30s",
     "How long a new placement table may take."},
    {"scheduler-host-address", &R::scheduler_address, kActors, "LIST", "",
     "Addresses of the scheduler.", "DAPR_SCHEDULER_HOST_ADDRESS_DNS_A"},
    {"scheduler-job-streams", &R::scheduler_job_streams, kActors, "N", "3",
     "Streams to each scheduler host."},
    {"reminders-service", &R::reminders_service, kActors, "TEXT", "", "No effect.", "",
     "reminders are kept by the scheduler", "", true},
    {"actors-service", &R::actors_service, kActors, "TEXT", "", "No effect.", "",
     "use --placement-host-address", "", true},

    {"dapr-graceful-shutdown-seconds", &R::graceful_shutdown_seconds, kLifecycle, "SECONDS", "5",
     "Most time that ending may take."},
    {"dapr-block-shutdown-duration", &R::block_shutdown, kLifecycle, "TIME", "",
     "Time to go on serving after a signal, at most until the application is unhealthy."},
    {"wait", &R::wait, kLifecycle, "", "false",
     "Wait until the runtime on this machine is healthy, then exit."},
    {"version", &R::version, kLifecycle, "", "false", "Print the version and exit."},
    {"build-info", &R::build_info, kLifecycle, "", "false", "Print details of the build and exit."},
};

}  // namespace

std::string_view FlagGroupTitle(FlagGroup group) {
  switch (group) {
    case kApplication:
      return "The application";
    case kSharing:
      return "Sharing (only in this runtime)";
    case kServers:
      return "Servers and limits";
    case kHealth:
      return "Health checks of the application";
    case kResources:
      return "Resources and configuration";
    case kObservability:
      return "Logs, metrics, profiles";
    case kControlPlane:
      return "Control plane and mTLS";
    case kActors:
      return "Actors, workflows, jobs";
    case kLifecycle:
      return "Start and end";
    case kCount:
      break;
  }
  return "";
}

std::span<const Flag> FlagTable() {
  return kFlags;
}

const Flag* FindFlag(std::string_view name) {
  const auto flag = std::find_if(std::begin(kFlags), std::end(kFlags),
                                 [&](const Flag& f) { return f.name == name; });
  return flag == std::end(kFlags) ? nullptr : flag;
}

}  // namespace config
