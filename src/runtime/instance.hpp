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
#include "runtime/services.hpp"
#include "target/target.hpp"

namespace blocks::invoke {
class Callee;
}

namespace runtime {

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
  std::string discovery_cache;  // "file:DIR"; empty = nothing is remembered
  std::string fingerprint;      // changes when the description does
};

class WaitingWork;

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  /// Starts components and begins to watch the target. Home loop (index 0). The error is Dapr's
  /// start-up text.
  static async::Task<base::Result<std::shared_ptr<Instance>>> Start(const Services& services,
                                                                    InstanceConfig config);
  ~Instance();

  const std::string& app_id() const { return config_.app_id; }
  const std::string& app_namespace() const { return config_.app_namespace; }
  const std::vector<std::string>& api_tokens() const { return api_tokens_; }
  const InstanceConfig& config() const { return config_; }

  /// The side that peers call.
  blocks::invoke::Callee& callee();
  http::Handler& http_api();
  http::Handler& grpc_api();
  http::Handler& internal_api();
  http::Handler& public_api();

  /// Takes part in peers' name resolution from now on. Home loop.
  void StartAnnouncing(uint16_t internal_port);
  /// From now on healthz answers 204.
  void MarkReady();
  /// From now on it answers 500: the process drains.
  void MarkNotReady();

  /// Whether spec.limits says anything; then each request takes a place.
  bool limited() const { return config_.max_in_flight > 0 || config_.max_body_memory > 0; }
  /// What a request body of that length may take of memory at one time: no stage holds more of it
  /// than
  /// --max-body-size, and of a body without a length no more than is on its way.
  uint64_t BodyCost(std::optional<uint64_t> length) const;
  /// A place for one request; false when the app's limit is reached.
  bool Enter(uint64_t body);
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

  /// Ends all subscriptions and streams; deliveries at the app have `grace`. Home loop.
  async::Task<void> StopSubscriptions(async::Duration grace);

  /// Peers shall not look for the app here any more. Home loop.
  async::Task<void> Withdraw();
  /// Ends background work and components within `grace` (at least a second). Home loop, after the
  /// last request. Must be awaited before destruction.
  async::Task<void> Stop(async::Duration grace);

 private:
  struct Parts;  // blocks and APIs
  Instance(const Services& services, InstanceConfig config);
  async::Task<base::Status> Init();
  base::Status MakeInvocation();
  void MakeMetadata();
  void MakeApis();
  async::Task<base::Status> ResolveTokens();
  async::Task<base::Result<std::string>> Secret(const config::StoreSecretRef& ref);
  base::Status MakeSubscriptions();
  void StartSubscriptions();
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
  bool asking_ = false;
  bool ask_when_healthy_ = false;
  bool app_healthy_ = false;    // its health check says so
  bool ask_when_sure_ = false;  // something in front of the app says it is not there
  bool asked_ = false;
  blocks::pubsub::RememberedAnswers answers_;
};

}  // namespace runtime
