// Target: calls into one user's app (implements contracts::AppTarget).
//
// Each data loop has its own view of the endpoints and its own connections. One home loop resolves
// the app's name when its TTL ends, probes with back-off while the app is away, and tells the other
// loops. A probe only opens a connection and closes it again: it must not keep an app awake that
// scales to zero.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "contracts/app_target.hpp"
#include "http/client_set.hpp"
#include "net/resolver.hpp"
#include "target/app_state.hpp"
#include "target/concurrency_limit.hpp"
#include "target/endpoints.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace target {

struct TargetConfig {
  std::string host = "127.0.0.1";  // IP or DNS name
  uint16_t port = 0;               // 0 = the app takes no calls
  contracts::AppProtocol protocol = contracts::AppProtocol::kHttp;
  int max_concurrency = -1;
  std::string api_token;  // sent as dapr-api-token; never logged
  std::chrono::nanoseconds wake_timeout{0};
  bool probe = true;  // false: no connection is opened just to see whether the app is there
  // --enable-app-health-check
  bool health_check = false;
  std::string health_path = "/healthz";
  std::chrono::milliseconds health_interval{5'000};
  std::chrono::milliseconds health_timeout{500};
  int health_threshold = 3;
};

/// What the rest of the process gives a target.
struct TargetServices {
  async::LoopGroup& loops;
  http::ClientSet& clients;
  std::function<net::Resolver&()> resolver;  // that of the current loop
  int home = 0;                              // index of the home loop
  telemetry::InstanceMetrics* metrics =
      nullptr;  // outlives the target and all its calls; may be null
};

class Target final : public contracts::AppTarget {
 public:
  Target(TargetConfig config, const TargetServices& services);
  ~Target() override;

  /// Called on the home loop with the first result of the app's health check and each time it
  /// changes; `why` says why the app is not healthy.
  using HealthObserver = std::function<void(bool healthy, std::string_view why)>;

  /// Begins to resolve and probe. Home loop. Does not wait for the app.
  void Start(AppState::Observer observer, HealthObserver health = {});
  /// Ends background work and calls that wait for the app. Home loop; must be awaited before
  /// destruction.
  async::Task<void> Stop(const async::Context& context);

  contracts::AppProtocol protocol() const override { return config_.protocol; }
  bool configured() const override { return config_.port != 0; }
  contracts::TargetState state() const override { return state_.value(); }
  /// Fails with kInternal while the app's health check does.
  async::Task<base::Result<contracts::AppResponse>> Send(const async::Context& context,
                                                         http::RequestHead head, http::Body* body,
                                                         http::InterimObserver* interim) override;
  void ReportUnavailable() override;
  /// Whoever watches the app's endpoints gives them here; from now on they count in place of name
  /// resolution. None: the app is away at once. No effect where the host is an IP. Home loop.
  void UseAddresses(std::vector<net::Address> addresses);
  /// Back to name resolution. Home loop.
  void UseNameResolution();
  /// While set, the app's return is noticed within a second: work from elsewhere waits for it. Any
  /// thread.
  void SetEager(bool eager) { eager_.store(eager, std::memory_order_relaxed); }
  /// The app has shown that it is alive, for instance by calling the runtime. Any loop.
  void NoteAlive() {
    if (state() == contracts::TargetState::kReady || hinted_.exchange(true)) return;
    PostHome(&Target::Poke);
  }

  const TargetConfig& config() const { return config_; }
  int waiting() const { return waiting_.load(std::memory_order_relaxed); }
  int in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  std::size_t endpoint_count() const { return endpoint_count_.load(std::memory_order_relaxed); }
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  // What one loop knows.
  struct LoopPart {
    Endpoints endpoints;
    async::Event changed;  // endpoints or state are new
  };
  class Lease;
  // What is posted to the home loop holds this instead of the target, which may be gone by then.
  // `target` is cleared on the home loop when the target stops.
  struct Self {
    Target* target;
  };

  LoopPart& Here();
  std::shared_ptr<const AddressList> List() const;
  async::Task<void> Watch();
  async::Task<void> CheckHealth();
  async::Task<base::Status> AskHttpHealth(const async::Context& context);
  async::Task<base::Status> AskGrpcHealth(const async::Context& context);
  async::Task<base::Result<contracts::AppResponse>> Forward(const async::Context& context,
                                                            http::RequestHead head,
                                                            http::Body* body,
                                                            http::InterimObserver* interim);
  async::Task<base::Result<contracts::AppResponse>> RefuseUnhealthy();
  async::Task<bool> Probe(const async::Context& context);
  async::Task<void> ProbeGiven();
  async::Task<void> Refresh(const async::Context& context);
  void Publish(std::vector<net::Address> addresses);
  void SetState(contracts::TargetState state);
  // From any loop.
  void ReportReached();
  void ReportAway();
  void PostHome(void (Target::*what)());
  void NoteReached();
  void NoteAway();
  void NoteWaiting();
  void NoteRefused();
  void Poke() { poke_.Pulse(); }
  async::Task<base::Status> AwaitReturn(const async::Context& context, async::TimePoint until);
  base::Error Away(const base::Error* last) const;

  const TargetConfig config_;
  TargetServices services_;
  async::Loop& home_;
  std::string authority_;
  http::Origin origin_;  // without address

  AppState state_;
  std::vector<std::shared_ptr<LoopPart>> parts_;
  std::shared_ptr<ConcurrencyLimit> limit_;
  mutable std::mutex list_mutex_;  // taken when the list has changed, not per request
  std::shared_ptr<const AddressList> list_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> waiting_{0};
  std::atomic<int> in_flight_{0};
  std::atomic<std::size_t> endpoint_count_{0};
  std::atomic<bool> healthy_{true};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> eager_{false};
  std::atomic<bool> hinted_{false};  // look at once

  // Home loop.
  HealthObserver health_observer_;
  async::Gate gate_;
  async::Event poke_;
  std::shared_ptr<Self> self_;
  async::TimePoint refresh_at_{};
  bool literal_ = false;
  bool given_ = false;  // the addresses are given, not resolved
  int given_probes_ = 0;
  // After an activator's word a connection alone proves little: it is not looked for before.
  async::TimePoint refused_until_{};
  async::Duration refused_wait_{0};
};

}  // namespace target
