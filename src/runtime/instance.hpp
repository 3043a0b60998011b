// Instance: everything that belongs to one app-id: its components, its target, its blocks and APIs,
// its limits, metrics and log label. A process (Host) holds one or many; nothing per app lives
// elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/meta/metadata.hpp"
#include "blocks/pubsub/discovery_cache.hpp"
#include "config/app_wake.hpp"
#include "config/configuration.hpp"
#include "config/resources.hpp"
#include "config/shared_app.hpp"
#include "http/exchange.hpp"
#include "runtime/description.hpp"
#include "runtime/services.hpp"
#include "target/target.hpp"

namespace blocks::invoke {
class Callee;
}

namespace runtime {

class Identity;
class OperatorSource;

/// One app as its operator described it (--app-id and flags, or a SharedApp document).
struct InstanceConfig {
  std::string app_id;
  std::string app_namespace;
  target::TargetConfig target;
  std::optional<config::StoreSecretRef> app_token;  // sent to the app, from a secret store
  std::vector<config::TokenSource> tokens;          // what callers present; empty: they need none
  config::Configuration configuration;
  config::Resources resources;                                  // selected for the app
  std::optional<uint16_t> http_port, grpc_port, internal_port;  // ports of its own
  int64_t max_in_flight = 0;                                    // requests; 0 = unlimited
  int64_t max_body_memory = 0;  // bytes of request bodies (Instance::BodyCost); 0 = unlimited
  config::AppWake app_wake = config::AppWake::kRequest;
  std::string discovery_cache;    // a config::DiscoveryPlace; empty = nothing is kept
  std::string sentry_token_file;  // of this app alone; empty: the process's
  /// Null where neither other runtimes nor the control plane ask for one. Several forms of one app
  /// share it.
  std::shared_ptr<Identity> identity;
  uint64_t anchors_gone = 0;  // how many trust anchors had gone when the identity was given
  bool secure_peers = false;  // TLS from and to other runtimes, with the identity
  // Kubernetes mode: the name of the app's Configuration, and who brings it and the resources.
  std::string configuration_name;
  std::shared_ptr<OperatorSource> operator_source;
  std::string fingerprint;  // changes when the description does
};

class ComponentSet;
class WaitingWork;

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  /// Starts components and begins to watch the target. Home loop (index 0). The error is Dapr's
  /// start-up text, or that the context has ended.
  static async::Task<base::Result<std::shared_ptr<Instance>>> Start(const Services& services,
                                                                    async::Context context,
                                                                    InstanceConfig config);
  ~Instance();

  const std::string& app_id() const { return config_.app_id; }
  const std::string& app_namespace() const { return config_.app_namespace; }
  const std::vector<std::string>& api_tokens() const { return api_tokens_; }
  const InstanceConfig& config() const { return config_; }

  /// The side that peers call.
  blocks::invoke::Callee& callee();
  /// The APIs as they are now: for this turn of the loop, or as long as the hold lasts.
  http::Handler& http_api();
  http::Handler& grpc_api();
  http::Handler& internal_api();
  http::Handler& public_api();
  /// What a request keeps until it is over, so that a reload takes nothing from under it. Loops.
  struct Hold {
    std::shared_ptr<const void> apis;
    std::shared_ptr<const void> generation;  // components, and the blocks that use them
  };
  Hold TakeHold() const;

  /// Brings the app in line with a new description, in the background: what has not changed goes on
  /// untouched, requests in flight keep what they began with. Changes are taken one after another;
  /// of several that wait the newest counts. What cannot be used is logged and leaves what it is
  /// about as it was. Home loop.
  void Reload(DescriptionChange change);
  /// Waits until all that was given to Reload is in effect. False if the context ended before.
  async::Task<bool> Reloaded(const async::Context& context);
  /// The newest description, as it was given by Start and Reload. Home loop.
  const Description& description() const { return wanted_; }

  /// Takes part in peers' name resolution, placement and the scheduler from now on. Home loop.
  void StartAnnouncing(uint16_t internal_port);
  /// From now on healthz answers 204.
  void MarkReady();
  /// From now on it answers 500: the process drains.
  void MarkNotReady();

  /// Whether spec.limits says anything; then each request takes a place.
  bool limited() const { return config_.max_in_flight > 0 || config_.max_body_memory > 0; }
  /// What a request body of that length may take of memory at one time: no stage holds more of it
  /// than --max-body-size. One without a length begins with what is on its way and is counted as it
  /// is collected (HoldBody).
  uint64_t BodyCost(std::optional<uint64_t> length) const;
  /// A place for one request; false when the app's limit is reached.
  bool Enter(uint64_t body);
  /// A request that holds `before` bytes of its body holds `after` from now on; false, and nothing
  /// changes, when that is more than the app's limit leaves. Holding less always works.
  bool HoldBody(uint64_t before, uint64_t after);
  void Leave(uint64_t body);
  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  /// The target, for what it tells of itself. Any thread.
  const target::Target& target() const;

  /// What waits for the app. Home loop.
  WaitingWork& waiting_work();

  /// Whether the app takes calls and is not there.
  bool app_away() const;
  /// Somebody called who speaks for the app, so it may be back. Any loop.
  void NoteCaller();

  /// Ends all subscriptions, jobs and streams; deliveries at the app have `grace`. Home loop.
  async::Task<void> StopSubscriptions(async::Duration grace);

  /// Peers shall not look for the app here any more. Home loop.
  async::Task<void> Withdraw();
  /// Ends background work and components within `grace` (at least a second). Home loop, after the
  /// last request. Must be awaited before destruction.
  async::Task<void> Stop(async::Duration grace);

 private:
  struct Parts;       // what lasts as long as the Instance
  struct Generation;  // what a reload replaces: components and what uses them
  struct Apis;        // the same: the APIs on top
  struct Here;        // what one loop has of both
  Instance(const Services& services, InstanceConfig config);
  async::Task<base::Status> Init(const async::Context& context);
  std::shared_ptr<Generation> MakeGeneration(ComponentSet components,
                                             const config::Configuration& configuration);
  std::shared_ptr<Apis> MakeApis(const Generation& generation,
                                 const config::Configuration& configuration);
  const Here& OnThisLoop() const;
  base::Status MakeInvocation();
  void SetEndpoints(const ComponentSet& components);
  void UseResiliency(const std::vector<config::Resiliency>& resources);
  template <class T>
  std::vector<T> UnderPolicies(const std::vector<T>& components);
  void MakeMetadata();
  async::Task<base::Status> ResolveTokens();
  async::Task<base::Result<std::string>> Secret(const config::StoreSecretRef& ref);
  void StartReload();
  async::Task<void> ApplyWanted();
  async::Task<void> ApplyOnce();
  async::Task<void> Swap(std::shared_ptr<Generation> generation, std::shared_ptr<Apis> apis);
  async::Task<void> Drop();
  void ApplyConfiguration(const config::Configuration& configuration);
  std::vector<config::Subscription> Usable(const std::vector<config::Subscription>& wanted) const;
  async::Task<void> TryAgainLater();
  base::Status MakeSubscriptions();
  void StartSubscriptions();
  base::Status OpenMemory();
  async::Task<void> Remember();
  async::Task<void> KeepAnswers();
  void FollowEndpoints();
  bool UseSubscriptions(const std::string& answer);
  std::vector<blocks::meta::Subscription> ListSubscriptions() const;
  void OnTargetState(contracts::TargetState state);
  void OnAppHealth(bool healthy, std::string_view why);
  void Ask();
  async::Task<void> Announce(uint16_t internal_port);
  async::Task<void> AskApp();

  const Services& services_;
  const InstanceConfig config_;
  telemetry::Log log_;
  std::vector<std::string> api_tokens_;
  std::string app_token_;
  std::unique_ptr<Parts> parts_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<int64_t> body_memory_{0};
  async::Gate gate_;  // background work, home loop
  // Home loop.
  Description wanted_;
  std::vector<config::Subscription> subscriptions_;      // as they are served
  config::AccessControl access_control_;                 // the same
  std::vector<config::Resiliency> resiliencies_;         // the same
  std::vector<config::Resiliency> wanted_resiliencies_;  // with those that have mistakes
  bool reload_due_ = false;
  bool reloading_ = false;
  bool secrets_changed_ = false;
  bool incomplete_ = false;  // something could not be brought in line
  bool trying_again_ = false;
  async::Duration try_again_{0};
  async::Event reloaded_;
  bool asking_ = false;
  bool keeping_ = false;
  bool ask_when_healthy_ = false;
  bool app_healthy_ = false;    // its health check says so
  bool ask_when_sure_ = false;  // something in front of the app says it is not there
  bool asked_ = false;
  blocks::pubsub::RememberedAnswers answers_;
};

}  // namespace runtime
