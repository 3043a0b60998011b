// The Host's ports: the process's, and those that an app has of its own.
#include <thread>

#include "base/strings.hpp"
#include "net/bind.hpp"
#include "runtime/host.hpp"
#include "runtime/metrics_server.hpp"
#include "runtime/stable_port.hpp"

namespace runtime {
namespace {

// Another daprd that is just ending may still have the port for a moment.
constexpr std::chrono::seconds kPatience(10);

}  // namespace

void Host::Hold(const std::string& host, uint16_t port) {
  if (held_ports_.contains(port)) return;
  if (net::Socket socket = net::HoldPort(host, port)) held_ports_[port] = std::move(socket);
}

void Host::HoldProcessPorts() {
  const std::vector<std::string>& hosts = options_.listen_addresses;
  const std::string host = hosts.size() == 1 ? hosts.front() : "";
  if (options_.unix_domain_socket.empty()) {
    Hold(host, options_.grpc_port);
    Hold(host, options_.http_port);
  }
  if (options_.public_port) Hold(options_.public_listen_address, *options_.public_port);
  if (options_.scaler_port) Hold(options_.public_listen_address, *options_.scaler_port);
  if (options_.enable_metrics) Hold(options_.metrics_listen_address, options_.metrics_port);
}

void Host::HoldAppPorts(const InstanceConfig& config) {
  const std::string host =
      options_.listen_addresses.empty() ? "" : options_.listen_addresses.front();
  for (const Listeners::Wanted& wanted : WantedPorts(config)) {
    Hold(wanted.kind == Port::kInternal ? options_.internal_grpc_listen_address : host,
         wanted.port);
  }
}

base::Result<uint16_t> Host::OpenPort(Port kind, const std::string& host, uint16_t port,
                                      const std::string& app_id, std::chrono::seconds patience) {
  held_ports_.erase(port);
  const auto until = async::Clock::now() + patience;
  while (true) {
    auto opened = listeners_->OpenTcp(kind, host, port, app_id);
    if (opened || opened.error().kind != base::Kind::kAlreadyExists ||
        async::Clock::now() >= until) {
      return opened;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

base::Status Host::OpenProcessPorts() {
  const std::string only = options_.apps_path.empty() ? options_.app_id : "";
  std::vector<std::string> hosts = options_.listen_addresses;
  if (hosts.empty()) hosts.push_back("");
  const auto open = [&](Port kind, const std::string& host, uint16_t port) {
    return OpenPort(kind, host, port, "", kPatience);
  };
  if (!options_.unix_domain_socket.empty()) {
    const std::string name = only.empty() ? "shared" : only;
    const std::string stem = base::StrCat(options_.unix_domain_socket, "/dapr-", name);
    RETURN_IF_ERROR(listeners_->OpenUnix(Port::kHttp, stem + "-http.socket", ""));
    RETURN_IF_ERROR(listeners_->OpenUnix(Port::kGrpc, stem + "-grpc.socket", ""));
    log_.Info(base::StrCat("HTTP server is listening on Unix socket ", stem, "-http.socket"));
    log_.Info(base::StrCat("API gRPC server is listening on Unix socket ", stem, "-grpc.socket"));
  } else {
    for (const std::string& host : hosts) {
      ASSIGN_OR_RETURN(const uint16_t grpc, open(Port::kGrpc, host, options_.grpc_port));
      ports_.grpc = grpc;
      log_.Info(base::StrCat("API gRPC server is running on port ", grpc));
      ASSIGN_OR_RETURN(const uint16_t http, open(Port::kHttp, host, options_.http_port));
      ports_.http = http;
      log_.Info(base::StrCat("HTTP server is running on port ", http));
    }
  }
  if (options_.public_port) {
    ASSIGN_OR_RETURN(const uint16_t port,
                     open(Port::kPublic, options_.public_listen_address, *options_.public_port));
    ports_.public_api = port;
    log_.Info(base::StrCat("Public HTTP server is running on port ", port));
  }
  if (options_.scaler_port) {
    ASSIGN_OR_RETURN(ports_.scaler,
                     open(Port::kScaler, options_.public_listen_address, *options_.scaler_port));
    log_.Info(base::StrCat("KEDA external scaler is running on port ", ports_.scaler));
  }
  metrics_server_ = std::make_unique<MetricsServer>(metrics_, loops_.size());
  if (options_.enable_metrics) {
    held_ports_.erase(options_.metrics_port);
    ASSIGN_OR_RETURN(const uint16_t port,
                     metrics_server_->Open(options_.metrics_listen_address, options_.metrics_port));
    ports_.metrics = port;
    log_.Info(
        base::StrCat("metrics server started on ", options_.metrics_listen_address, ":", port));
  }
  return {};
}

std::vector<Listeners::Wanted> Host::WantedPorts(const InstanceConfig& config) const {
  // Peers dial by IP and name no server, so the internal port is always one app's alone.
  uint16_t internal = config.internal_port.value_or(0);
  if (options_.apps_path.empty() && internal == 0) internal = StablePort(config.app_id);
  std::vector<Listeners::Wanted> wanted = {{Port::kInternal, internal}};
  if (config.http_port) wanted.push_back({Port::kHttp, *config.http_port});
  if (config.grpc_port) wanted.push_back({Port::kGrpc, *config.grpc_port});
  return wanted;
}

base::Status Host::OpenAppPorts(Instance& instance,
                                std::vector<std::pair<Instance*, uint16_t>>& announce) {
  const InstanceConfig& config = instance.config();
  const bool single = options_.apps_path.empty();
  const telemetry::Log log = log_.WithAppId(config.app_id);
  const std::string host =
      options_.listen_addresses.empty() ? "" : options_.listen_addresses.front();
  base::Status status;
  uint16_t internal = 0;
  for (const Listeners::Wanted& wanted : WantedPorts(config)) {
    const bool is_internal = wanted.kind == Port::kInternal;
    const std::string& address = is_internal ? options_.internal_grpc_listen_address : host;
    // The stable port is only a preference. Where there are many apps, none waits for another's
    // port.
    const bool preference = is_internal && single && !config.internal_port;
    auto opened = OpenPort(wanted.kind, address, wanted.port, config.app_id,
                           single && !preference ? kPatience : std::chrono::seconds(0));
    if (!opened && preference) {
      opened = OpenPort(wanted.kind, address, 0, config.app_id, std::chrono::seconds(0));
    }
    if (!opened) {
      if (!single)
        log.Error(base::StrCat("a port of app ", config.app_id,
                               " is not served: ", opened.error().message));
      if (status) status = std::unexpected(std::move(opened).error());
      continue;
    }
    switch (wanted.kind) {
      case Port::kInternal:
        internal = *opened;
        log.Info(base::StrCat("Internal gRPC server is running on :", *opened));
        break;
      case Port::kGrpc:
        log.Info(base::StrCat("API gRPC server is running on port ", *opened));
        break;
      default:
        log.Info(base::StrCat("HTTP server is running on port ", *opened));
    }
  }
  if (internal != 0) announce.emplace_back(&instance, internal);
  return status;
}

}  // namespace runtime
