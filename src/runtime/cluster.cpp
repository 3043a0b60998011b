#include "runtime/cluster.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "control/kube/config_map_store.hpp"
#include "control/kube/config_map_watch.hpp"
#include "control/kube/endpoints_watch.hpp"

namespace runtime {
namespace {

namespace kube = control::kube;

constexpr const char* kTrustBundle = "dapr-trust-bundle";
constexpr const char* kTrustBundleKey = "ca.crt";
constexpr auto kBundlePatience = std::chrono::seconds(30);

}  // namespace

Cluster::Cluster(const config::Options& options, const config::Env& env, http::ClientSet& clients,
                 std::function<net::Resolver&()> resolver, telemetry::Log log)
    : options_(options),
      env_(env),
      clients_(clients),
      resolver_(std::move(resolver)),
      log_(std::move(log)) {}

Cluster::~Cluster() = default;

base::Result<kube::Api*> Cluster::api() {
  if (!std::exchange(looked_, true)) {
    auto access = kube::FindAccess(env_);
    if (access) {
      api_ = std::make_unique<kube::Api>(std::move(*access), clients_, resolver_);
    } else {
      missing_ = std::unexpected(std::move(access).error());
    }
  }
  RETURN_IF_ERROR(missing_);
  return api_.get();
}

std::string Cluster::own_namespace() {
  if (options_.env.namespace_name) return *options_.env.namespace_name;
  auto known = api();
  return known && !(*known)->own_namespace().empty() ? (*known)->own_namespace() : "default";
}

async::Task<void> Cluster::Close() {
  const async::Context patient;
  co_await gate_.Close(patient);
}

// === the trust bundle ===

std::string Cluster::TrustBundleName() const {
  return base::StrCat("ConfigMap ", options_.control_plane_namespace, "/", kTrustBundle);
}

base::Status Cluster::OpenTrustBundle(async::LoopGroup& loops,
                                      std::shared_ptr<TrustAnchors> anchors) {
  if (anchors->Current()->pem.empty()) {
    base::Status status;
    loops.RunTaskOn(0, [&] { return FetchTrustBundle(*anchors, status); });
    if (!status) {
      return base::Fail(
          status.error().kind,
          base::StrCat("trust anchors are required; set the environment variable "
                       "DAPR_TRUST_ANCHORS to their PEM text, name a file with "
                       "--trust-anchors-file, or let the runtime read them from the cluster: ",
                       status.error().message));
    }
  }
  loops.RunOn(0, [&] { gate_.Spawn(WatchTrustBundle(std::move(anchors))); });
  return {};
}

async::Task<void> Cluster::WatchTrustBundle(std::shared_ptr<TrustAnchors> anchors) {
  auto api = this->api();
  if (!api) {
    log_.Info(base::StrCat("the trust bundle is not watched, anchors stay as they are: ",
                           api.error().message));
    co_return;
  }
  kube::ConfigMapWatch watch(**api, options_.control_plane_namespace, kTrustBundle,
                             kTrustBundleKey);
  const async::Context context = gate_.context();
  bool told = false;
  while (true) {
    auto next = co_await watch.Next(context);
    if (gate_.closing()) co_return;
    base::Status status;
    if (!next) {
      status = std::unexpected(std::move(next).error());
    } else if (!*next) {
      status = base::Fail(base::Kind::kNotFound,
                          base::StrCat(TrustBundleName(), " has no ", kTrustBundleKey));
    } else {
      status = anchors->Publish(**next, TrustBundleName());
    }
    // Once until it has worked again.
    if (!status && !std::exchange(told, true)) {
      const std::string text =
          base::StrCat("Trust anchors stay as they are: ", status.error().message);
      // Without the right to see the bundle other sources serve, which is no fault.
      if (status.error().kind == base::Kind::kPermissionDenied) {
        log_.Info(text);
      } else {
        log_.Warning(text);
      }
    }
    if (status) told = false;
  }
}

async::Task<void> Cluster::FetchTrustBundle(TrustAnchors& anchors, base::Status& status) {
  auto api = this->api();
  if (!api) {
    status = std::unexpected(std::move(api).error());
    co_return;
  }
  const async::Context context(async::Loop::Current()->After(kBundlePatience));
  kube::ConfigMapStore store(**api, options_.control_plane_namespace, kTrustBundle, kTrustBundleKey,
                             "");
  async::Duration wait = std::chrono::milliseconds(200);
  bool told = false;
  while (true) {
    auto text = co_await store.Read(context);
    status = text ? anchors.Publish(*text, TrustBundleName())
                  : base::Status(std::unexpected(std::move(text).error()));
    // A control plane that is just being installed has none yet, and one that has just started
    // knows nobody's rights.
    if (!status && !std::exchange(told, true)) {
      log_.Warning(base::StrCat("waiting for trust anchors: ", status.error().message));
    }
    wait = std::min<async::Duration>(wait * 2, std::chrono::seconds(5));
    const async::TimePoint next = async::Loop::Current()->After(base::Jitter(wait));
    if (status || next >= context.deadline) co_return;
    co_await async::Sleep(context, next);
  }
}

// === the app's endpoints ===

async::Task<void> Cluster::FollowEndpoints(async::Context context, target::Target& target,
                                           telemetry::Log log) {
  const auto service = kube::ParseServiceName(target.config().host, own_namespace());
  if (!service) co_return;
  const std::string name = base::StrCat(service->name_space, "/", service->name);
  const auto by_name = [&](std::string_view why) {
    log.Info(
        base::StrCat("the app's address ", target.config().host, " is resolved by DNS: ", why));
  };
  auto api = this->api();
  if (!api) {
    by_name(api.error().message);
    co_return;
  }
  kube::EndpointsWatch watch(**api, *service, target.config().port);
  enum class Source : unsigned char { kNone, kSlices, kDns } source = Source::kNone;
  while (true) {
    auto next = co_await watch.Next(context);
    if (context.canceled()) co_return;
    if (next && *next) {
      if (source != Source::kSlices) {
        log.Info(
            base::StrCat("the app's endpoints come from the EndpointSlices of Service ", name));
      }
      source = Source::kSlices;
      target.UseAddresses(std::move(**next));
      continue;
    }
    // The API server may be away for a while: what it said last still holds.
    const bool lost = next || kube::IsLasting(next.error().kind) || source == Source::kNone;
    if (!lost || std::exchange(source, Source::kDns) == Source::kDns) continue;
    by_name(next ? base::StrCat("there are no EndpointSlices of a Service ", name,
                                " that say where its port ", target.config().port, " is")
                 : next.error().message);
    target.UseNameResolution();
  }
}

// === texts in ConfigMaps ===

base::Result<std::unique_ptr<contracts::TextStore>> Cluster::OpenConfigMap(
    const std::string& name, const std::string& key, const std::string& app_id) {
  ASSIGN_OR_RETURN(kube::Api * api, this->api());
  return std::make_unique<kube::ConfigMapStore>(*api, own_namespace(), name, key,
                                                "daprd-" + app_id);
}

}  // namespace runtime
