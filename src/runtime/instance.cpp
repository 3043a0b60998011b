#include "runtime/instance.hpp"

#include <algorithm>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/access_control.hpp"
#include "net/tls.hpp"
#include "runtime/identity.hpp"
#include "runtime/instance_parts.hpp"
#include "runtime/operator_source.hpp"

namespace runtime {
namespace {

telemetry::InstanceMetricsOptions MetricsOptions(const InstanceConfig& config,
                                                 const config::Options& options) {
  const config::Metric metric = config.configuration.Metrics();
  telemetry::InstanceMetricsOptions out;
  out.app_id = config.app_id;
  out.name_space = options.env.namespace_name.value_or("");
  out.enabled = metric.Enabled() && options.enable_metrics;
  out.record_error_codes = metric.RecordErrorCodes();
  out.http.increased_cardinality = metric.IncreasedCardinality();
  out.http.exclude_verbs = metric.ExcludeVerbs();
  out.http.path_matching = metric.PathMatching();
  for (const config::MetricsRule& rule : metric.rules) {
    telemetry::LabelRule converted;
    converted.name = rule.name;
    for (const config::MetricLabel& label : rule.labels) {
      converted.labels.push_back({label.name, {label.regex.begin(), label.regex.end()}});
    }
    out.rules.push_back(std::move(converted));
  }
  for (const int64_t bound : metric.LatencyBuckets()) {
    out.latency_buckets.push_back(static_cast<double>(bound));
  }
  return out;
}

}  // namespace

Instance::Instance(const Services& services, InstanceConfig config)
    : services_(services),
      config_(std::move(config)),
      log_(telemetry::Log("dapr.runtime").WithAppId(config_.app_id)),
      parts_(std::make_unique<Parts>()),
      wanted_{config_.configuration, config_.resources},
      subscriptions_(wanted_.resources.subscriptions),
      access_control_(wanted_.configuration.access_control) {}

Instance::~Instance() = default;

async::Task<base::Result<std::shared_ptr<Instance>>> Instance::Start(const Services& services,
                                                                     async::Context context,
                                                                     InstanceConfig config) {
  std::shared_ptr<Instance> instance(new Instance(services, std::move(config)));
  auto status = co_await instance->Init(context);
  if (status && context.canceled()) {
    status = base::Fail(base::Kind::kCanceled, "the app is not wanted any more");
  }
  if (!status) {
    co_await instance->Stop(std::chrono::milliseconds(500));
    co_return std::unexpected(std::move(status).error());
  }
  if (auto& source = instance->config_.operator_source) source->Follow(instance);
  co_return instance;
}

async::Task<base::Status> Instance::Init(const async::Context& context) {
  Parts& parts = *parts_;
  const config::Options& options = services_.options;
  CO_ASSIGN_OR_RETURN(parts.metrics, telemetry::InstanceMetrics::Create(
                                         services_.metrics, MetricsOptions(config_, options)));
  if (config_.identity && parts.metrics->enabled()) {
    config_.identity->CountIn(services_.metrics.App({.app_id = config_.app_id}));
  }
  parts.tracer = telemetry::Tracer::FromSamplingRate(config_.configuration.tracing.sampling_rate);

  // Components before the target and the APIs: tokens may come from a secret store, and nobody may
  // be served by half a set.
  const LoaderInput input{.app_id = config_.app_id,
                          .app_namespace = config_.app_namespace,
                          .kubernetes = options.mode == config::Mode::kKubernetes,
                          .configuration = config_.configuration,
                          .resources = config_.resources,
                          .registry = services_.components,
                          .env = services_.env,
                          .metrics = *parts.metrics,
                          .log = log_,
                          .retirement = parts.retirement};
  ComponentLoader loader(input);
  CO_ASSIGN_OR_RETURN(ComponentSet components, co_await loader.Load(context));
  UseResiliency(config_.resources.resiliencies);
  parts.generation = MakeGeneration(std::move(components), config_.configuration);
  CO_RETURN_IF_ERROR(co_await ResolveTokens());

  target::TargetConfig target = config_.target;
  if (!app_token_.empty()) target.api_token = app_token_;
  parts.target = std::make_unique<target::Target>(
      std::move(target), target::TargetServices{.loops = services_.loops,
                                                .clients = services_.clients,
                                                .resolver = services_.dns,
                                                .metrics = parts.metrics.get()});

  CO_RETURN_IF_ERROR(MakeInvocation());
  CO_RETURN_IF_ERROR(MakeSubscriptions());
  parts.links = ControlLinks::Make(services_, config_, *parts.metrics);
  MakeMetadata();
  // Nobody reads it yet: the loops learn of this Instance later.
  parts.http_log = parts.http_log.WithAppId(config_.app_id);
  parts.grpc_log = parts.grpc_log.WithAppId(config_.app_id);
  const auto apis = MakeApis(*parts.generation, config_.configuration);
  for (int i = 0; i < services_.loops.size(); ++i) {
    parts.here.push_back({parts.generation, apis});
  }

  parts.metrics->TargetState(telemetry::TargetMetricState::kUnavailable);
  parts.target->Start([this](contracts::TargetState state) { OnTargetState(state); },
                      [this](bool healthy, std::string_view why) { OnAppHealth(healthy, why); });
  FollowEndpoints();
  parts.generation->outbox->Start();
  StartSubscriptions();
  co_return base::Status();
}

base::Status Instance::MakeInvocation() {
  namespace invoke = blocks::invoke;
  Parts& parts = *parts_;
  const auto max_message = static_cast<std::size_t>(services_.options.max_body_size);
  const config::AccessControl& access = config_.configuration.access_control;
  parts.callee = std::make_shared<invoke::Callee>(invoke::CalleeOptions{
      .app_id = config_.app_id,
      .app_namespace = config_.app_namespace,
      .max_message = max_message,
      .policy = invoke::AccessControl::Compile(access, !contracts::IsGrpc(config_.target.protocol),
                                               parts.metrics.get(), log_),
      .target = parts.target.get(),
      .metrics = parts.metrics.get(),
      .tracer = &parts.tracer});
  invoke::InvokeOptions options;
  options.app_id = config_.app_id;
  options.app_namespace = config_.app_namespace;
  if (!access.trust_domain.empty()) options.trust_domain = access.trust_domain;
  options.host_address = services_.host_address;
  options.host_name = services_.host_name;
  options.max_message = max_message;
  parts.invoke = std::make_unique<invoke::InvokeBlock>(
      std::move(options),
      invoke::InvokeServices{.loops = services_.loops,
                             .clients = services_.clients,
                             .peers = services_.peers,
                             .lookup = services_.lookup,
                             .self = parts.callee,
                             .local_apps = services_.local_apps,
                             .security = config_.secure_peers ? config_.identity.get() : nullptr,
                             .metrics = parts.metrics.get()});
  SetEndpoints(parts.generation->components);
  parts.invoke->SetPolicies(parts.policies);
  parts.api_proxy = std::make_unique<invoke::GrpcProxy>(*parts.invoke, &parts.tracer,
                                                        invoke::GrpcProxy::Side::kApi);
  parts.internal_proxy = std::make_unique<invoke::GrpcProxy>(*parts.invoke, &parts.tracer,
                                                             invoke::GrpcProxy::Side::kInternal);
  parts.internal_service = std::make_unique<invoke::InternalService>(parts.callee);
  parts.internal_api = std::make_unique<grpc::Service>(grpc::Service::Options{
      .max_message = max_message, .observer = nullptr, .fallback = parts.internal_proxy.get()});
  parts.internal_service->Register(*parts.internal_api);
  return {};
}

void Instance::MakeMetadata() {
  Parts& parts = *parts_;
  blocks::meta::Providers providers;
  providers.components = [this] {
    std::vector<blocks::meta::ComponentInfo> out;
    for (const LiveComponent& component : OnThisLoop().generation->components.live) {
      const LoadedComponent& info = component.info;
      out.push_back({info.name, info.type, info.version, info.capabilities});
    }
    return out;
  };
  providers.subscriptions = [this] { return ListSubscriptions(); };
  providers.http_endpoints = [this] {
    std::vector<std::string> out;
    for (const auto& endpoint : OnThisLoop().generation->components.http_endpoints) {
      out.push_back(endpoint.name);
    }
    return out;
  };
  providers.app_connection = [&parts] {
    const target::TargetConfig& target = parts.target->config();
    blocks::meta::AppConnection out;
    if (target.port == 0) return out;
    out.port = target.port;
    out.protocol = config::AppProtocolName(target.protocol);
    out.channel_address = target.host;
    out.max_concurrency = target.max_concurrency;
    if (target.health_check) {
      out.health = blocks::meta::AppHealthProperties{
          .path = contracts::IsGrpc(target.protocol) ? "" : target.health_path,
          .interval = base::FormatDuration(target.health_interval),
          .timeout = base::FormatDuration(target.health_timeout),
          .threshold = target.health_threshold};
    }
    return out;
  };
  providers.enabled_features = [this] { return OnThisLoop().generation->features; };
  providers.resiliencies = [&parts] {
    const auto policies = parts.invoke->CurrentPolicies();
    return policies ? policies->names() : std::vector<std::string>();
  };
  if (parts.links) {
    providers.actor_runtime = [&parts] { return parts.links->actor_runtime(); };
    providers.scheduler_addresses = [&parts] { return parts.links->scheduler_addresses(); };
  }
  // One of many apps must not take the others down.
  if (services_.options.apps_path.empty()) providers.shutdown = services_.request_shutdown;
  blocks::meta::MetadataBlock::Options options;
  options.app_id = config_.app_id;
  options.runtime_version = services_.runtime_version;
  options.app_command = services_.env.Get("APP_COMMAND");
  options.cli_pid = services_.env.Get("CLI_PID");
  options.health.requires_app = services_.options.healthz_requires_app && config_.target.port != 0;
  options.health.app_found = [&parts] {
    return parts.target->state() == contracts::TargetState::kReady;
  };
  parts.metadata =
      std::make_unique<blocks::meta::MetadataBlock>(std::move(options), std::move(providers));
}

// === secrets the app's description refers to ===

async::Task<base::Result<std::string>> Instance::Secret(const config::StoreSecretRef& ref) {
  const ComponentSet& components = parts_->generation->components;
  contracts::SecretStore* store = components.FindSecretStore(ref.store);
  // One secret store needs no name.
  if (ref.store.empty() && components.secret_stores.size() == 1) {
    store = components.secret_stores.front().store.get();
  }
  if (!store) {
    co_return base::Fail(
        base::Kind::kNotFound,
        base::StrCat("app ", config_.app_id, ": secret \"", ref.name, "\": ",
                     ref.store.empty() ? "name its store (there is not exactly one)"
                                       : base::StrCat("no secret store \"", ref.store, "\"")));
  }
  const contracts::Call call(
      async::Context(async::Loop::Current()->After(std::chrono::seconds(5))));
  CO_ASSIGN_OR_RETURN(contracts::Secret secret,
                      co_await store->GetSecret(call, {.name = ref.name, .metadata = {}}));
  const auto value = secret.find(ref.key);
  if (value == secret.end() || value->second.empty()) {
    co_return base::Fail(base::Kind::kNotFound,
                         base::StrCat("app ", config_.app_id, ": secret \"", ref.name,
                                      "\" has no key \"", ref.key, "\""));
  }
  co_return value->second;
}

async::Task<base::Status> Instance::ResolveTokens() {
  for (const config::TokenSource& token : config_.tokens) {
    if (!token.secret) {
      api_tokens_.push_back(token.value);
      continue;
    }
    CO_ASSIGN_OR_RETURN(std::string value, co_await Secret(*token.secret));
    api_tokens_.push_back(std::move(value));
  }
  if (config_.app_token) {
    CO_ASSIGN_OR_RETURN(app_token_, co_await Secret(*config_.app_token));
  }
  co_return base::Status();
}

// === the life of an Instance ===

blocks::invoke::Callee& Instance::callee() {
  return *parts_->callee;
}
void Instance::MarkReady() {
  parts_->metadata->health().MarkOutboundReady();
  parts_->metadata->health().MarkReady();
}

void Instance::MarkNotReady() {
  parts_->metadata->health().MarkNotReady();
}

void Instance::StartAnnouncing(uint16_t internal_port) {
  if (parts_->links) parts_->links->Start(internal_port);
  if (services_.names) gate_.Spawn(Announce(internal_port));
}

async::Task<void> Instance::Announce(uint16_t internal_port) {
  const contracts::Call call(
      gate_.context().Until(async::Loop::Current()->After(std::chrono::seconds(5))));
  auto status = co_await services_.names->Announce(call, {.app_id = config_.app_id,
                                                          .app_namespace = config_.app_namespace,
                                                          .address = services_.host_address,
                                                          .internal_port = internal_port});
  if (!status && !gate_.closing()) {
    log_.Warning(base::StrCat("other runtimes cannot find this app: ", status.error().message));
  }
}

const target::Target& Instance::target() const {
  return *parts_->target;
}

async::Task<void> Instance::Withdraw() {
  if (!services_.names) co_return;
  const contracts::Call call(
      async::Context(async::Loop::Current()->After(std::chrono::seconds(1))));
  co_await services_.names->Withdraw(call, config_.app_id, config_.app_namespace);
}

uint64_t Instance::BodyCost(std::optional<uint64_t> length) const {
  constexpr uint64_t kOnItsWay = uint64_t{256} * 1024;
  return std::min(length.value_or(kOnItsWay),
                  static_cast<uint64_t>(services_.options.max_body_size));
}

bool Instance::Enter(uint64_t body) {
  const int64_t requests = in_flight_.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto held = body_memory_.fetch_add(static_cast<int64_t>(body), std::memory_order_relaxed) +
                    static_cast<int64_t>(body);
  const bool over = (config_.max_in_flight > 0 && requests > config_.max_in_flight) ||
                    (config_.max_body_memory > 0 && held > config_.max_body_memory);
  if (over) Leave(body);
  return !over;
}

bool Instance::HoldBody(uint64_t before, uint64_t after) {
  const auto more = static_cast<int64_t>(after) - static_cast<int64_t>(before);
  const int64_t held = body_memory_.fetch_add(more, std::memory_order_relaxed) + more;
  if (more <= 0 || config_.max_body_memory <= 0 || held <= config_.max_body_memory) return true;
  body_memory_.fetch_sub(more, std::memory_order_relaxed);
  return false;
}

void Instance::Leave(uint64_t body) {
  body_memory_.fetch_sub(static_cast<int64_t>(body), std::memory_order_relaxed);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
}

async::Task<void> Instance::Stop(async::Duration grace) {
  // All waits inside end when they are canceled; the time is for components that say good-bye.
  const async::Context context(
      async::Loop::Current()->After(std::max<async::Duration>(grace, std::chrono::seconds(1))));
  Parts& parts = *parts_;
  if (parts.metadata) parts.metadata->health().MarkNotReady();
  if (config_.operator_source) co_await config_.operator_source->Close();
  co_await StopSubscriptions(grace);
  if (parts.target) co_await parts.target->Stop(context);
  const async::Context patient;
  co_await gate_.Close(patient);
  co_await Drop();
  if (!co_await parts.retirement.Close(context)) {
    log_.Warning("some components are still in use at the end");
  }
}

}  // namespace runtime
