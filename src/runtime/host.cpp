#include "runtime/host.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/strings.hpp"
#include "net/local_ip.hpp"
#include "runtime/instance_config.hpp"
#include "runtime/name_resolution.hpp"

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

// How long the ports stay closed for apps that take long to start, where there are others.
constexpr std::chrono::seconds kPatienceAtStart(2);

async::Task<void> StopOne(Instance& instance, bool withdraw, async::Duration grace) {
  if (withdraw) co_await instance.Withdraw();
  co_await instance.Stop(grace);
}

async::Task<void> EndOne(Instance& instance, async::Duration grace) {
  co_await instance.StopSubscriptions(grace);
}

// Deliveries end before the ports do: an app that works on one may call the APIs.
async::Task<void> EndSubscriptions(const std::vector<std::shared_ptr<Instance>>& instances,
                                   async::Duration grace) {
  async::Gate gate;
  for (const auto& instance : instances) gate.Spawn(EndOne(*instance, grace));
  const async::Context patient;
  co_await gate.Close(patient);
}

async::Task<void> StopSideBySide(const std::vector<std::pair<Instance*, bool>>& instances,
                                 async::Duration grace) {
  async::Gate gate;
  for (const auto& [instance, withdraw] : instances) {
    gate.Spawn(StopOne(*instance, withdraw, grace));
  }
  const async::Context patient;
  co_await gate.Close(patient);
}

}  // namespace

Host::Host(Setup setup)
    : setup_(std::move(setup)),
      options_(setup_.options),
      log_("dapr.runtime"),
      loops_(options_.threads > 0 ? options_.threads : async::DefaultLoopCount(), 0, "loop",
             async::LoopGroup::Threads::kLater),
      metrics_(loops_.size()),
      scaler_(std::make_unique<Scaler>(loops_, *this)),
      http_front_(Port::kHttp, *this, log_),
      grpc_front_(Port::kGrpc, *this, log_),
      internal_front_(Port::kInternal, *this, log_),
      public_front_(Port::kPublic, *this, log_, scaler_.get()),
      starts_(loops_, [this](async::Context context, InstanceConfig config) {
        return StartApp(context, std::move(config));
      }) {
  if (!options_.app_id.empty()) log_ = log_.WithAppId(options_.app_id);
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.at(i).Post([i] { telemetry::SetShardIndex(i); });
  }
  http::ClientOptions client;
  clients_ = std::make_unique<http::ClientSet>(loops_, client);
  dns_.resize(static_cast<std::size_t>(loops_.size()));
  tables_.resize(static_cast<std::size_t>(loops_.size()));
  const auto dns = [this]() -> net::Resolver& {
    async::Loop& loop = *async::Loop::Current();
    auto& resolver = dns_[static_cast<std::size_t>(loop.index())];
    if (!resolver) resolver = std::make_unique<net::Resolver>(loop);
    return *resolver;
  };
  cluster_ = std::make_unique<Cluster>(options_, setup_.env, *clients_, dns, log_);
  services_ = std::make_unique<Services>(
      Services{.options = options_,
               .env = setup_.env,
               .loops = loops_,
               .clients = *clients_,
               .dns = dns,
               .metrics = metrics_,
               .components = setup_.components,
               .names = nullptr,
               .peers = nullptr,
               .lookup = [this](const async::Context& context, const std::string& host,
                                uint16_t port) { return Lookup(context, host, port); },
               .cluster = cluster_.get(),
               .control_plane = &control_plane_,
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
  CloseAll();
}

void Host::CloseAll() {
  if (std::exchange(closed_, true)) return;
  // With the servers go the last requests, and with these the last users of Instances and clients.
  scaler_->Stop();
  // Some may wait for sentry.
  starts_.DropAll();
  if (identities_) {
    loops_.RunTaskOn(0, [&] { return identities_->Close(); });
  }
  starts_.Close();
  listeners_.reset();
  metrics_server_.reset();
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] { tables_[static_cast<std::size_t>(i)].reset(); });
  }
  std::vector<std::shared_ptr<Instance>> all = std::exchange(instances_, {});
  for (auto& ended : starts_.Take()) {
    if (ended.instance) all.push_back(*std::move(ended.instance));
  }
  for (auto& instance : std::exchange(retired_, {})) all.push_back(std::move(instance));
  StopInstances(std::move(all));
  if (names_) {
    loops_.RunTaskOn(0, [&] { return CloseNameResolver(*names_); });
  }
  loops_.RunTaskOn(0, [&] { return control_plane_.Close(); });
  loops_.RunTaskOn(0, [&] { return cluster_->Close(); });
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
  const auto& table = Here();
  auto instance = table ? table->ById(app_id, app_namespace) : nullptr;
  if (!instance) return nullptr;
  blocks::invoke::Callee* callee = &instance->callee();
  return {std::move(instance), callee};
}

base::Status Host::Start() {
  const bool single = options_.apps_path.empty();
  MakeListeners();
  HoldProcessPorts();
  ASSIGN_OR_RETURN(config::Configuration process_configuration, ProcessConfiguration());
  RETURN_IF_ERROR(OpenIdentities());
  std::vector<InstanceConfig> configs;
  if (single) {
    ASSIGN_OR_RETURN(InstanceConfig config,
                     ConfigFromOptions(options_, process_configuration, setup_.env, log_));
    configs.push_back(std::move(config));
  } else {
    ASSIGN_OR_RETURN(Apps apps, ReadApps());
    configs = std::move(apps.configs);
  }
  for (const InstanceConfig& config : configs) HoldAppPorts(config);
  // Otherwise each start sees to it by itself, so that nobody waits for another's.
  const bool kubernetes = options_.mode == config::Mode::kKubernetes;
  if (single || kubernetes) RETURN_IF_ERROR(GiveIdentities(configs));
  // Name resolution, which is the process's, is in them.
  RETURN_IF_ERROR(FetchResources(configs));
  if (kubernetes && !configs.empty()) {
    process_configuration = configs.front().configuration;
  }
  StartNameResolution(process_configuration);
  starts_.Begin(std::move(configs));
  std::optional<std::chrono::milliseconds> patience;
  if (!single) patience = kPatienceAtStart;
  starts_.Wait(patience);
  for (AppStarts::Ended& ended : starts_.Take()) {
    if (ended.instance) {
      instances_.push_back(*std::move(ended.instance));
    } else if (single) {
      return std::unexpected(std::move(ended.instance).error());
    } else {
      // One app's broken component must not keep the others from being served.
      log_.WithAppId(ended.app_id)
          .Error(base::StrCat("app ", ended.app_id,
                              " is not served: ", ended.instance.error().message));
    }
  }
  for (const std::string& app_id : starts_.Wanted()) {
    log_.WithAppId(app_id).Warning(
        base::StrCat("app ", app_id, " is not served yet: its components are still starting"));
  }
  Publish();
  RETURN_IF_ERROR(OpenProcessPorts());
  std::vector<std::pair<Instance*, uint16_t>> announce;
  for (auto& instance : instances_) {
    if (auto opened = OpenAppPorts(*instance, announce); !opened) {
      if (single) return opened;
    }
  }
  RETURN_IF_ERROR(listeners_->StartAccepting());
  if (setup_.before_ready) setup_.before_ready();
  for (auto& instance : instances_) MarkServed(*instance);
  ready_ = true;
  AnnounceAll(std::move(announce));
  return {};
}

void Host::MakeListeners() {
  http::ServerOptions grpc = GrpcOptions(options_);
  grpc.on_tls_failure = [this](const net::Address& peer, const base::Error& error,
                               const void* tag) { NoteRefusedPeer(peer, error, tag); };
  grpc.current_tls = [this](const void* tag) {
    return PeerTls(*static_cast<const ListenerTag*>(tag)).value_or(nullptr);
  };
  const auto peer_tls = [this](const ListenerTag& tag) { return PeerTls(tag); };
  listeners_ =
      std::make_unique<Listeners>(loops_,
                                  Listeners::Handlers{&http_front_, &grpc_front_, &internal_front_,
                                                      &public_front_, scaler_.get(), peer_tls},
                                  HttpOptions(options_), grpc, log_);
  renewing_ = listeners_.get();
}

void Host::AnnounceAll(std::vector<std::pair<Instance*, uint16_t>> instances) {
  // One step for all apps: each change of thread costs more than the step itself. Nobody waits for
  // it: a slow registry must not keep apps from being served, and peers ask again.
  loops_.at(0).Post([instances = std::move(instances)] {
    for (const auto& [instance, port] : instances) instance->StartAnnouncing(port);
  });
}

void Host::StartNameResolution(const config::Configuration& configuration) {
  loops_.RunTaskOn(0, [&] {
    return OpenNameResolver(configuration.name_resolution, options_, setup_.env, setup_.components,
                            log_, names_);
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
  CO_ASSIGN_OR_RETURN(net::Resolved resolved,
                      co_await services_->dns().Resolve(context, host, port));
  co_return std::move(resolved.addresses);
}

async::Task<AppStarts::Result> Host::StartApp(async::Context context, InstanceConfig config) {
  if (context.canceled()) co_return base::Fail(base::Kind::kCanceled, "the app is not wanted");
  // What is known from the start of the process was asked for all apps at once.
  if (!config.identity) {
    if (auto given = co_await GiveIdentity(config); !given) log_.Error(given.error().message);
  }
  if (!config.operator_source) {
    CO_RETURN_IF_ERROR(co_await FetchResourcesOf(context, config));
  }
  co_return co_await Instance::Start(*services_, context, std::move(config));
}

bool Host::IsServed(const std::string& app_id) const {
  return std::any_of(instances_.begin(), instances_.end(),
                     [&](const auto& instance) { return instance->app_id() == app_id; });
}

void Host::StopInstances(std::vector<std::shared_ptr<Instance>> instances) {
  if (instances.empty()) return;
  // What a newer form of the app has taken over, its place in name resolution and its series, is
  // left.
  std::vector<std::pair<Instance*, bool>> stopping;
  for (const auto& instance : instances) {
    const std::string& app_id = instance->app_id();
    const bool coming = starts_.Wants(app_id);
    stopping.emplace_back(instance.get(), !coming && !IsServed(app_id));
  }
  loops_.RunTaskOn(0, [&] { return StopSideBySide(stopping, options_.graceful_shutdown); });
  for (const auto& [instance, last] : stopping) {
    if (last) metrics_.DropApp(instance->app_id());
  }
  instances.clear();
  CloseUnusedIdentities();
}

bool Host::Reap() {
  ServeStarted({});
  // Whoever still uses an Instance (a request, a call from another app of the process) holds it.
  std::vector<std::shared_ptr<Instance>> done;
  std::erase_if(retired_, [&](std::shared_ptr<Instance>& instance) {
    if (instance.use_count() > 1) return false;
    done.push_back(std::move(instance));
    return true;
  });
  StopInstances(std::move(done));
  return retired_.empty() && starts_.empty();
}

void Host::Publish() {
  auto table = std::make_shared<const InstanceTable>(instances_, options_.apps_path.empty());
  loops_.RunOnAll([&](int i) { tables_[static_cast<std::size_t>(i)] = table; });
}

bool Host::AllAppsUnhealthy() const {
  return !instances_.empty() &&
         std::all_of(instances_.begin(), instances_.end(), [](const auto& instance) {
           return instance->config().target.health_check && !instance->target().healthy();
         });
}

bool Host::Stop() {
  ready_ = false;
  starts_.DropAll();
  for (auto& instance : instances_) instance->MarkNotReady();
  scaler_->Stop();
  std::size_t cut = 0;
  const auto began = async::Clock::now();
  if (!instances_.empty()) {
    loops_.RunTaskOn(0, [&] { return EndSubscriptions(instances_, options_.graceful_shutdown); });
  }
  if (listeners_) {
    listeners_->CloseAll();
    const auto left = options_.graceful_shutdown - (async::Clock::now() - began);
    cut =
        listeners_->Drain(std::max<std::chrono::nanoseconds>(left, std::chrono::milliseconds(100)));
    if (cut > 0) {
      log_.Warning(base::StrCat(cut, " requests were cut off after the graceful time (",
                                "--dapr-graceful-shutdown-seconds) was over"));
    }
  }
  CloseAll();
  return cut == 0;
}

}  // namespace runtime
