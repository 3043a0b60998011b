// Instance: what the app said of itself, remembered for starts while it is away.
#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "config/discovery_place.hpp"
#include "runtime/cluster.hpp"
#include "runtime/instance_parts.hpp"

namespace runtime {
namespace {

namespace pubsub = blocks::pubsub;

constexpr auto kFirstWait = std::chrono::milliseconds(250);
constexpr auto kLongestWait = std::chrono::seconds(15);
// Within about two minutes.
constexpr int kTries = 12;

// A refusal may pass too: an API server that has just started knows nobody's rights.
bool MayPass(base::Kind kind) {
  return kind == base::Kind::kUnavailable || kind == base::Kind::kUnreachable ||
         kind == base::Kind::kTimeout || kind == base::Kind::kExhausted ||
         kind == base::Kind::kConflict || kind == base::Kind::kPermissionDenied ||
         kind == base::Kind::kUnauthenticated;
}

async::Task<void> WaitBefore(const async::Context& context, int tries) {
  const async::Duration wait =
      std::min<async::Duration>(kFirstWait * (1 << std::min(tries, 10)), kLongestWait);
  co_await async::Sleep(context, async::Loop::Current()->After(base::Jitter(wait)));
}

}  // namespace

base::Status Instance::OpenMemory() {
  const auto place = config::ParseDiscoveryPlace(config_.discovery_cache);
  if (!place) return {};
  base::Result<std::unique_ptr<contracts::TextStore>> store = nullptr;
  if (place->kind == config::DiscoveryPlace::Kind::kFolder) {
    store = pubsub::OpenDiscoveryFile(place->name, config_.app_id);
  } else {
    store = services_.cluster->OpenConfigMap(place->name, pubsub::DiscoveryName(config_.app_id),
                                             config_.app_id);
  }
  if (!store) {
    return base::Fail(store.error().kind, base::StrCat("discovery cache ", config_.discovery_cache,
                                                       ": ", store.error().message));
  }
  parts_->discovery = pubsub::DiscoveryCache(std::move(*store));
  return {};
}

// A file answers before this waits; a ConfigMap does not keep the app from being served.
async::Task<void> Instance::Remember() {
  const async::Context context = gate_.context();
  for (int tries = 0;; ++tries) {
    auto remembered = co_await parts_->discovery.Load(context);
    // The app itself knows better.
    if (gate_.closing() || asked_) co_return;
    if (remembered) {
      if (remembered->grpc != contracts::IsGrpc(config_.target.protocol)) co_return;
      answers_ = std::move(*remembered);
      if (!answers_.subscriptions || !services_.options.ask_app_subscribe) co_return;
      if (UseSubscriptions(*answers_.subscriptions)) {
        log_.Info(base::StrCat("the app's subscriptions are remembered from ",
                               parts_->discovery.where()));
      } else {
        answers_ = {};
      }
      co_return;
    }
    const base::Error& error = remembered.error();
    if (error.kind == base::Kind::kNotFound) co_return;
    const bool again = MayPass(error.kind) && tries < kTries;
    if (!again || tries == 0) {
      log_.Warning(base::StrCat("what the app wanted is not remembered", again ? " yet: " : ": ",
                                error.message));
    }
    if (!again) co_return;
    co_await WaitBefore(context, tries);
  }
}

async::Task<void> Instance::KeepAnswers() {
  if (!parts_->discovery.enabled() || std::exchange(keeping_, true)) co_return;
  const async::Context context = gate_.context();
  for (int tries = 0; !gate_.closing();) {
    const pubsub::RememberedAnswers answers = answers_;
    auto stored = co_await parts_->discovery.Store(context, answers);
    if (gate_.closing()) break;
    if (stored) {
      if (answers == answers_) break;
      tries = 0;
      continue;
    }
    const bool again = MayPass(stored.error().kind) && tries < kTries;
    if (!again || tries == 0) {
      log_.Warning(base::StrCat("what the app wants is not remembered", again ? " yet: " : ": ",
                                stored.error().message));
    }
    if (!again) break;
    co_await WaitBefore(context, tries++);
  }
  keeping_ = false;
}

// === where the app is ===

void Instance::FollowEndpoints() {
  if (services_.options.mode != config::Mode::kKubernetes || !parts_->target->configured()) return;
  gate_.Spawn(services_.cluster->FollowEndpoints(gate_.context(), *parts_->target, log_));
}

}  // namespace runtime
