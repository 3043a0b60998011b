#include "runtime/host.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/strings.hpp"
#include "net/local_ip.hpp"
#include "runtime/instance_config.hpp"
#include "runtime/name_resolution.hpp"
#include "runtime/stable_port.hpp"

namespace runtime {
namespace {

http::ServerOptions HttpOptions(const config::Options& options) {
  http::ServerOptions out;
  // The Go server allows 4096 bytes on top of the configured size (facts: HTTP, listeners).
  out.max_header_bytes = static_cast<std::size_t>(options.read_buffer_size) + 4096;
  out.allow_http2 = !options.env.disable_h2c;
  return out;
}

http::ServerOptions GrpcOptions(const config::Options& options) {
  http::ServerOptions out;
  out.max_header_bytes = static_cast<std::size_t>(options.read_buffer_size) + 4096;
  out.allow_http1 = false;
  return out;
}

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

async::Task<void> StartInto(const Services& services, InstanceConfig config,
                            std::optional<base::Result<std::shared_ptr<Instance>>>& result) {
  result = co_await Instance::Start(services, std::move(config));
}

}  // namespace

Host::Host(Setup setup)
    : setup_(std::move(setup)),
      options_(setup_.options),
      log_("dapr.runtime"),
      loops_(options_.threads > 0 ? options_.threads : async::DefaultLoopCount()),
      metrics_(loops_.size()),
      http_front_(Port::kHttp, *this, log_),
      grpc_front_(Port::kGrpc, *this, log_),
      internal_front_(Port::kInternal, *this, log_),
      public_front_(Port::kPublic, *this, log_) {
  if (!options_.app_id.empty()) log_ = log_.WithAppId(options_.app_id);
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] {
      telemetry::SetShardIndex(i);
      dns_.push_back(std::make_unique<net::Resolver>(loops_.at(i)));
    });
  }
  http::ClientOptions client;
  clients_ = std::make_unique<http::ClientSet>(loops_, client);
  tables_.resize(static_cast<std::size_t>(loops_.size()));
  services_ = std::make_unique<Services>(Services{
      .options = options_,
      .env = setup_.env,
      .loops = loops_,
      .clients = *clients_,
      .dns = [this]() -> net::Resolver& {
        return *dns_[static_cast<std::size_t>(async::Loop::Current()->index())];
      },
      .metrics = metrics_,
      .components = setup_.components,
      .names = nullptr,
      .peers = nullptr,
      .lookup = [this](const async::Context& context, const std::string& host,
                       uint16_t port) { return Lookup(context, host, port); },
      .local_apps = this,
      .host_address = options_.env.host_ip,
      .host_name = HostName(),
      .runtime_version = setup_.version,
      .request_shutdown = setup_.request_shutdown});
  if (services_->host_address.empty()) {
    services_->host_address = net::LocalIp().value_or("127.0.0.1");
  }
}

Host::~Host() {
  listeners_.reset();
  metrics_server_.reset();
  for (auto& instance : instances_) StopInstance(std::move(instance), false);
  instances_.clear();
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] { tables_[static_cast<std::size_t>(i)].reset(); });
  }
  if (names_) {
    loops_.RunTaskOn(0, [&] { return CloseNameResolver(*names_); });
  }
  clients_->Close(std::chrono::milliseconds(100));
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] { dns_[static_cast<std::size_t>(i)].reset(); });
  }
}

const std::shared_ptr<const InstanceTable>& Host::Here() const {
  return tables_[static_cast<std::size_t>(async::Loop::Current()->index())];
}

std::shared_ptr<blocks::invoke::Callee> Host::Find(std::string_view app_id,
                                                   std::string_view app_namespace) const {
  auto instance = Here()->ById(app_id, app_namespace);
  if (!instance) return nullptr;
  blocks::invoke::Callee* callee = &instance->callee();
  return {std::move(instance), callee};
}

base::Status Host::Start() {
  const bool single = options_.apps_path.empty();
  ASSIGN_OR_RETURN(config::Configuration process_configuration,
                   config::LoadConfiguration(options_.configs, setup_.env));
  std::vector<InstanceConfig> configs;
  if (single) {
    ASSIGN_OR_RETURN(InstanceConfig config, ConfigFromOptions(options_, setup_.env, log_));
    configs.push_back(std::move(config));
  } else {
    ASSIGN_OR_RETURN(configs, ReadApps());
  }
  StartNameResolution(process_configuration);
  for (InstanceConfig& config : configs) {
    const std::string app_id = config.app_id;
    auto instance = StartInstance(std::move(config));
    if (instance) {
      instances_.push_back(std::move(*instance));
    } else if (single) {
      return std::unexpected(std::move(instance).error());
    } else {
      // One app's broken component must not keep the others from being served.
      log_.WithAppId(app_id).Error(
          base::StrCat("app ", app_id, " is not served: ", instance.error().message));
    }
  }
  Publish();
  listeners_ = std::make_unique<Listeners>(
      loops_,
      Listeners::Handlers{&http_front_, &grpc_front_, &internal_front_, &public_front_},
      HttpOptions(options_), GrpcOptions(options_), log_);
  RETURN_IF_ERROR(OpenProcessPorts());
  for (auto& instance : instances_) {
    if (auto opened = OpenAppPorts(*instance); !opened) {
      if (single) return opened;
      log_.WithAppId(instance->app_id()).Error(opened.error().message);
    }
    instance->MarkReady();
  }
  ready_ = true;
  return {};
}

void Host::StartNameResolution(const config::Configuration& configuration) {
  base::Status status;
  loops_.RunTaskOn(0, [&] {
    return OpenNameResolver(configuration.name_resolution, options_, setup_.env,
                            setup_.components, log_, names_);
  });
  services_->names = names_;
  // Where a resolver knows only names, peers listen where this process would.
  constexpr uint16_t kUsualInternalPort = 50002;
  services_->peers = std::make_shared<blocks::invoke::PeerDirectory>(
      loops_, names_, services_->lookup,
      options_.internal_grpc_port != 0 ? options_.internal_grpc_port : kUsualInternalPort);
}

async::Task<base::Result<std::vector<net::Address>>> Host::Lookup(const async::Context& context,
                                                                  const std::string& host,
                                                                  uint16_t port) {
  CO_ASSIGN_OR_RETURN(net::Resolved resolved, co_await services_->dns().Resolve(context, host, port));
  co_return std::move(resolved.addresses);
}

base::Result<std::vector<InstanceConfig>> Host::ReadApps() {
  ASSIGN_OR_RETURN(config::SharedApps apps, config::LoadSharedApps(options_.apps_path));
  for (const std::string& error : apps.errors) log_.Error(error);
  ASSIGN_OR_RETURN(config::Resources parsed, config::ParseResources(options_.resources_paths));
  for (const std::string& warning : parsed.warnings) log_.Warning(warning);
  std::vector<InstanceConfig> configs;
  for (const config::SharedApp& app : apps.apps) {
    auto config = ConfigFromSharedApp(app, parsed, options_, setup_.env, log_);
    if (config) {
      configs.push_back(std::move(*config));
    } else {
      log_.Error(base::StrCat("app ", app.app_id, " is not served: ", config.error().message));
    }
  }
  return configs;
}

base::Result<std::shared_ptr<Instance>> Host::StartInstance(InstanceConfig config) {
  std::optional<base::Result<std::shared_ptr<Instance>>> result;
  loops_.RunTaskOn(0, [&] { return StartInto(*services_, std::move(config), result); });
  return std::move(*result);
}

void Host::StopInstance(std::shared_ptr<Instance> instance, bool replaced) {
  if (!instance) return;
  // Requests it still serves hold it; they were given their time before this.
  const auto patience = async::Clock::now() + options_.graceful_shutdown;
  while (instance->in_flight() > 0 && async::Clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  loops_.RunTaskOn(0, [&] { return instance->Stop(options_.graceful_shutdown); });
  // Its successor has taken over the series.
  if (!replaced) metrics_.DropApp(instance->app_id());
}

void Host::Publish() {
  auto table = std::make_shared<const InstanceTable>(instances_, options_.apps_path.empty());
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] { tables_[static_cast<std::size_t>(i)] = table; });
  }
}

base::Status Host::OpenProcessPorts() {
  const std::string only = options_.apps_path.empty() ? options_.app_id : "";
  std::vector<std::string> hosts = options_.listen_addresses;
  if (hosts.empty()) hosts.push_back("");
  // Another daprd that is just ending may still hold the port for a moment.
  const auto open = [&](Port kind, const std::string& host, uint16_t port) {
    const auto until = async::Clock::now() + std::chrono::seconds(10);
    while (true) {
      auto opened = listeners_->OpenTcp(kind, host, port, "");
      if (opened || opened.error().kind != base::Kind::kAlreadyExists ||
          async::Clock::now() >= until) {
        return opened;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
    }
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
      log_.Info(base::StrCat("API gRPC server is running on port ", grpc));
      ASSIGN_OR_RETURN(const uint16_t http, open(Port::kHttp, host, options_.http_port));
      log_.Info(base::StrCat("HTTP server is running on port ", http));
    }
  }
  if (options_.public_port) {
    ASSIGN_OR_RETURN(const uint16_t port, open(Port::kPublic, options_.public_listen_address,
                                               *options_.public_port));
    log_.Info(base::StrCat("Public HTTP server is running on port ", port));
  }
  metrics_server_ = std::make_unique<MetricsServer>(metrics_, loops_.size());
  if (options_.enable_metrics) {
    ASSIGN_OR_RETURN(const uint16_t port,
                     metrics_server_->Open(options_.metrics_listen_address, options_.metrics_port));
    log_.Info(base::StrCat("metrics server started on ", options_.metrics_listen_address, ":", port));
  }
  return {};
}

base::Status Host::OpenAppPorts(Instance& instance) {
  const InstanceConfig& config = instance.config();
  const bool single = options_.apps_path.empty();
  const telemetry::Log log = log_.WithAppId(config.app_id);
  const std::string host = options_.listen_addresses.empty() ? "" : options_.listen_addresses.front();
  uint16_t internal = config.internal_port.value_or(0);
  if (single && internal == 0) internal = StablePort(config.app_id);
  // Peers dial by IP and name no server, so the internal port is always one app's alone.
  auto opened = listeners_->OpenTcp(Port::kInternal, options_.internal_grpc_listen_address, internal,
                                    config.app_id);
  if (!opened && single && !config.internal_port) {
    // The stable port is only a preference.
    opened = listeners_->OpenTcp(Port::kInternal, options_.internal_grpc_listen_address, 0,
                                 config.app_id);
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  log.Info(base::StrCat("Internal gRPC server is running on :", *opened));
  if (config.http_port) {
    ASSIGN_OR_RETURN(const uint16_t port,
                     listeners_->OpenTcp(Port::kHttp, host, *config.http_port, config.app_id));
    log.Info(base::StrCat("HTTP server is running on port ", port));
  }
  if (config.grpc_port) {
    ASSIGN_OR_RETURN(const uint16_t port,
                     listeners_->OpenTcp(Port::kGrpc, host, *config.grpc_port, config.app_id));
    log.Info(base::StrCat("API gRPC server is running on port ", port));
  }
  const uint16_t announced = *opened;
  loops_.RunTaskOn(0, [&] { return instance.Announce(announced); });
  return {};
}

void Host::ReloadApps() {
  auto configs = ReadApps();
  if (!configs) {
    log_.Error(base::StrCat("apps stay as they are: ", configs.error().message));
    return;
  }
  const auto same = [](const Instance& instance, const InstanceConfig& config) {
    return instance.app_id() == config.app_id &&
           instance.config().fingerprint == config.fingerprint;
  };
  std::vector<std::shared_ptr<Instance>> next;
  std::vector<std::shared_ptr<Instance>> gone;
  for (auto& instance : instances_) {
    const bool kept = std::any_of(configs->begin(), configs->end(),
                                  [&](const auto& config) { return same(*instance, config); });
    (kept ? next : gone).push_back(instance);
  }
  std::vector<std::shared_ptr<Instance>> fresh;
  for (InstanceConfig& config : *configs) {
    const bool known = std::any_of(next.begin(), next.end(), [&](const auto& instance) {
      return same(*instance, config);
    });
    if (known) continue;
    const std::string app_id = config.app_id;
    auto instance = StartInstance(std::move(config));
    if (instance) {
      fresh.push_back(std::move(*instance));
      continue;
    }
    log_.WithAppId(app_id).Error(
        base::StrCat("app ", app_id, " could not be started: ", instance.error().message));
    // A changed app that fails to start goes on as it was.
    const auto old = std::find_if(gone.begin(), gone.end(), [&](const auto& candidate) {
      return candidate->app_id() == app_id;
    });
    if (old != gone.end()) {
      next.push_back(*old);
      gone.erase(old);
    }
  }
  // Ports that an old and a new form of an app share are closed before they are opened again; new
  // connections are refused in between, for well under a millisecond.
  for (auto& instance : gone) listeners_->CloseApp(instance->app_id());
  for (auto& instance : fresh) next.push_back(instance);
  instances_ = next;
  Publish();
  for (auto& instance : fresh) {
    if (auto opened = OpenAppPorts(*instance); !opened) {
      log_.WithAppId(instance->app_id()).Error(opened.error().message);
    }
    instance->MarkReady();
    log_.WithAppId(instance->app_id()).Info(base::StrCat("app ", instance->app_id(), " is served"));
  }
  for (auto& instance : gone) {
    const std::string app_id = instance->app_id();
    const bool replaced = std::any_of(fresh.begin(), fresh.end(), [&](const auto& candidate) {
      return candidate->app_id() == app_id;
    });
    StopInstance(std::move(instance), replaced);
    if (!replaced) log_.WithAppId(app_id).Info(base::StrCat("app ", app_id, " is no longer served"));
  }
}

std::size_t Host::requests_in_flight() const {
  return listeners_ ? listeners_->requests_in_flight() : 0;
}

bool Host::Stop() {
  ready_ = false;
  if (!listeners_) return true;
  listeners_->CloseAll();
  listeners_->Drain(options_.graceful_shutdown);
  return listeners_->requests_in_flight() == 0;
}

}  // namespace runtime
