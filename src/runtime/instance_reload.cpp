// Instance: its generations: what is made anew when its description changes, and how one takes
// another's place on all loops.
#include "base/random.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/access_control.hpp"
#include "blocks/pubsub/loop_call.hpp"
#include "blocks/pubsub/router.hpp"
#include "runtime/instance_parts.hpp"
#include "runtime/resource_diff.hpp"

namespace runtime {
namespace {

constexpr auto kFirstTry = std::chrono::seconds(5);
constexpr auto kLongestTry = std::chrono::seconds(60);

std::vector<api::ApiRule> Rules(const std::vector<config::ApiAccessRule>& rules) {
  std::vector<api::ApiRule> out;
  for (const config::ApiAccessRule& rule : rules) {
    out.push_back({rule.name, rule.version, rule.protocol});
  }
  return out;
}

async::Task<void> CloseLane(blocks::outbox::Lane& lane) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(5)));
  co_await lane.Close(context);
}

// The same thing by a counter of its own, so that loops do not share one.
template <class T>
std::shared_ptr<T> CountedApart(const std::shared_ptr<T>& thing) {
  return std::shared_ptr<T>(thing.get(), [thing](T*) {});
}

}  // namespace

// === what a generation is made of ===

std::shared_ptr<Instance::Generation> Instance::MakeGeneration(
    ComponentSet components, const config::Configuration& configuration) {
  Parts& parts = *parts_;
  auto made = std::make_unique<Generation>();
  made->components = std::move(components);
  ComponentSet& set = made->components;
  made->publish = std::make_shared<blocks::pubsub::PublishBlock>(
      blocks::pubsub::PublishBlock::Options{.pubsubs = UnderPolicies(set.pubsubs),
                                            .app_id = config_.app_id,
                                            .metrics = parts.metrics.get(),
                                            .tracer = &parts.tracer});
  made->outbox = std::make_unique<blocks::outbox::Outbox>(
      blocks::outbox::Outbox::Options{.app_id = config_.app_id,
                                      .app_namespace = config_.app_namespace,
                                      .adopt =
                                          [&parts](std::unique_ptr<blocks::outbox::Lane> lane) {
                                            return parts.retirement.Share(std::move(lane),
                                                                          CloseLane);
                                          }},
      set.state_stores, *made->publish,
      parts.generation ? parts.generation->outbox.get() : nullptr);
  made->state = std::make_unique<blocks::state::StateBlock>(UnderPolicies(set.state_stores),
                                                            config_.app_id, parts.metrics.get());
  made->secrets = std::make_unique<blocks::secrets::SecretsBlock>(
      UnderPolicies(set.secret_stores), configuration.secret_scopes, parts.metrics.get());
  for (const config::Feature& feature : configuration.features) {
    if (feature.enabled) made->features.push_back(feature.name);
  }
  return parts.retirement.Share<Generation>(std::move(made), nullptr);
}

std::shared_ptr<Instance::Apis> Instance::MakeApis(const Generation& generation,
                                                   const config::Configuration& configuration) {
  Parts& parts = *parts_;
  const config::Options& options = services_.options;
  const config::ApiLogging& logging = configuration.api_logging;
  const bool log_calls = options.enable_api_logging.value_or(logging.enabled.value_or(false));
  auto apis = std::make_unique<Apis>();
  apis->context =
      api::AppContext{.app_id = config_.app_id,
                      .app_namespace = config_.app_namespace,
                      .state = generation.state.get(),
                      .secrets = generation.secrets.get(),
                      .publish = generation.publish.get(),
                      .subscriptions = parts.subscriptions.get(),
                      .invoke = parts.invoke.get(),
                      .callee = parts.callee.get(),
                      .metadata = parts.metadata.get(),
                      .metrics = parts.metrics.get(),
                      .http_log = log_calls ? &parts.http_log : nullptr,
                      .grpc_log = log_calls ? &parts.grpc_log : nullptr,
                      .tracer = &parts.tracer,
                      .api_tokens = api_tokens_,
                      .allowed = Rules(configuration.api_allowed),
                      .denied = Rules(configuration.api_denied),
                      .cors_origins = options.allowed_origins,
                      .max_body_bytes = static_cast<std::size_t>(options.max_body_size),
                      .max_header_bytes = static_cast<std::size_t>(options.read_buffer_size),
                      .log_obfuscate_urls = logging.obfuscate_urls.value_or(false),
                      .log_omit_health_checks = logging.omit_health_checks.value_or(false)};
  apis->http = std::make_unique<api::HttpApi>(apis->context);
  apis->public_api = std::make_unique<api::PublicApi>(apis->context);
  apis->grpc = std::make_unique<api::GrpcApi>(apis->context, parts.api_proxy.get());
  return parts.retirement.Share<Apis>(std::move(apis), nullptr);
}

void Instance::SetEndpoints(const ComponentSet& components) {
  std::vector<blocks::invoke::HttpEndpoint> endpoints;
  for (const ResolvedHttpEndpoint& endpoint : components.http_endpoints) {
    blocks::invoke::HttpEndpoint& out = endpoints.emplace_back();
    out.name = endpoint.name;
    out.base_url = endpoint.base_url;
    out.tls = endpoint.tls;
    for (const auto& [name, value] : endpoint.headers) out.headers.Add(name, value);
  }
  parts_->invoke->SetEndpoints(std::move(endpoints));
}

// === what requests see ===

const Instance::Here& Instance::OnThisLoop() const {
  return parts_->here[static_cast<std::size_t>(async::Loop::Current()->index())];
}
Instance::Hold Instance::TakeHold() const {
  const Here& here = OnThisLoop();
  return {here.apis, here.generation};
}
http::Handler& Instance::http_api() {
  return *OnThisLoop().apis->http;
}
http::Handler& Instance::grpc_api() {
  return *OnThisLoop().apis->grpc;
}
http::Handler& Instance::internal_api() {
  return *parts_->internal_api;
}
http::Handler& Instance::public_api() {
  return *OnThisLoop().apis->public_api;
}

async::Task<void> Instance::Swap(std::shared_ptr<Generation> generation,
                                 std::shared_ptr<Apis> apis) {
  struct Ready {
    int left = 0;
    async::Event all;
  };
  auto ready = std::make_shared<Ready>();
  async::Loop& home = *async::Loop::Current();
  for (int i = 0; i < services_.loops.size(); ++i) {
    Here* place = &parts_->here[static_cast<std::size_t>(i)];
    Here next;
    if (generation) next = {CountedApart(generation), CountedApart(apis)};
    if (i == home.index()) {
      *place = std::move(next);
      continue;
    }
    ++ready->left;
    services_.loops.at(i).Post([place, next = std::move(next), &home, ready]() mutable {
      *place = std::move(next);
      home.Post([ready] {
        if (--ready->left == 0) ready->all.Set();
      });
    });
  }
  const async::Context patient;
  if (ready->left > 0) co_await ready->all.Wait(patient);
}

async::Task<void> Instance::Drop() {
  if (!parts_->here.empty()) co_await Swap(nullptr, nullptr);
  parts_->generation.reset();
}

// === from one description to the next ===

void Instance::Reload(DescriptionChange change) {
  bool due = change.secrets_changed || incomplete_;
  if (change.configuration) {
    const auto changed = Diff(wanted_.configuration, *change.configuration);
    if (!changed.empty()) {
      due = true;
      log_.Info(base::StrCat("the Configuration has changed: ", base::Join(changed, ", ")));
      for (const std::string_view name : NeedsRestart(changed)) {
        log_.Warning(base::StrCat("a change of spec.", name,
                                  " in the Configuration takes effect at the next start only"));
      }
    }
    wanted_.configuration = *std::move(change.configuration);
  }
  if (change.resources) {
    KeepBroken(wanted_.resources, *change.resources);
    if (const ResourceDiff diff = Diff(wanted_.resources, *change.resources); !diff.empty()) {
      due = true;
      log_.Info(base::StrCat("resources have changed: ", diff.ToString()));
    }
    wanted_.resources = *std::move(change.resources);
  }
  secrets_changed_ = secrets_changed_ || change.secrets_changed;
  if (!due) return;
  try_again_ = kFirstTry;
  StartReload();
}

void Instance::StartReload() {
  reload_due_ = true;
  if (std::exchange(reloading_, true)) return;
  if (!gate_.Spawn(ApplyWanted())) reloading_ = false;
}

async::Task<bool> Instance::Reloaded(const async::Context& context) {
  while (reloading_) {
    if (co_await reloaded_.Wait(context) != async::Wake::kReady) co_return false;
  }
  co_return true;
}

async::Task<void> Instance::ApplyWanted() {
  while (!gate_.closing() && std::exchange(reload_due_, false)) co_await ApplyOnce();
  reloading_ = false;
  reloaded_.Pulse();
  if (incomplete_ && !gate_.closing() && !std::exchange(trying_again_, true)) {
    gate_.Spawn(TryAgainLater());
  }
}

// What could not start may start later: a backend that was away comes back without a word.
async::Task<void> Instance::TryAgainLater() {
  const async::Context context = gate_.context();
  co_await async::Sleep(context, async::Loop::Current()->After(base::Jitter(try_again_)));
  try_again_ = std::min<async::Duration>(try_again_ * 2, kLongestTry);
  trying_again_ = false;
  if (incomplete_ && !gate_.closing()) StartReload();
}

async::Task<void> Instance::ApplyOnce() {
  Parts& parts = *parts_;
  const Description next = wanted_;
  const async::Context context = gate_.context();
  const LoaderInput input{.app_id = config_.app_id,
                          .app_namespace = config_.app_namespace,
                          .kubernetes = services_.options.mode == config::Mode::kKubernetes,
                          .configuration = next.configuration,
                          .resources = next.resources,
                          .registry = services_.components,
                          .env = services_.env,
                          .metrics = *parts.metrics,
                          .log = log_,
                          .retirement = parts.retirement,
                          .before = &parts.generation->components,
                          .secrets_changed = std::exchange(secrets_changed_, false)};
  ComponentLoader loader(input);
  auto components = co_await loader.Load(context);
  if (gate_.closing() || !components) co_return;
  for (const LiveComponent& old : parts.generation->components.live) {
    if (components->Find(old.resource.meta.name)) continue;
    log_.Info(base::StrCat("Component removed: ", old.resource.LogName()));
  }
  UseResiliency(next.resources.resiliencies);
  std::shared_ptr<Generation> generation =
      MakeGeneration(*std::move(components), next.configuration);
  std::shared_ptr<Apis> apis = MakeApis(*generation, next.configuration);
  generation->outbox->Start();
  std::vector<config::Subscription> subscriptions = Usable(next.resources.subscriptions);
  std::vector<blocks::pubsub::SubscriptionSpec> declared;
  for (const config::Subscription& resource : subscriptions) {
    declared.push_back(blocks::pubsub::SpecOf(resource));
  }
  // New subscriptions stand before anything is published where only they listen.
  co_await parts.subscriptions->SetResources(std::move(declared), generation->publish);
  ApplyConfiguration(next.configuration);
  SetEndpoints(generation->components);
  co_await Swap(generation, std::move(apis));
  parts.generation = std::move(generation);
  parts.subscriptions->EndReplaced();
  subscriptions_ = std::move(subscriptions);
  incomplete_ = loader.incomplete();
  log_.Info(incomplete_ ? "the new description is in effect but for what could not be used"
                        : "the new description is in effect");
}

void Instance::ApplyConfiguration(const config::Configuration& configuration) {
  Parts& parts = *parts_;
  parts.tracer = telemetry::Tracer::FromSamplingRate(configuration.tracing.sampling_rate);
  if (configuration.access_control != access_control_) {
    access_control_ = configuration.access_control;
    parts.callee->SetPolicy(blocks::invoke::AccessControl::Compile(
        configuration.access_control, !contracts::IsGrpc(config_.target.protocol),
        parts.metrics.get(), log_));
  }
}

// A rule with a mistake leaves its subscription as it was.
std::vector<config::Subscription> Instance::Usable(
    const std::vector<config::Subscription>& wanted) const {
  std::vector<config::Subscription> out;
  for (const config::Subscription& resource : wanted) {
    const auto spec = blocks::pubsub::SpecOf(resource);
    const auto router = blocks::pubsub::Router::Compile(spec);
    if (router) {
      out.push_back(resource);
      continue;
    }
    const config::Subscription* old = nullptr;
    for (const config::Subscription& before : subscriptions_) {
      if (before.meta.name == resource.meta.name) old = &before;
    }
    log_.Error(base::StrCat(
        spec.origin, old ? " goes on as it was: " : " is not served: ", router.error().message));
    if (old) out.push_back(*old);
  }
  return out;
}

}  // namespace runtime
