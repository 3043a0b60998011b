// ControlLinks: one app's lines to placement and the scheduler, with the app's own identity. What
// hosts actors or carries out jobs stands on these. Belongs to the Instance; home loop, except
// where said.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "blocks/meta/metadata.hpp"
#include "control/placement/client.hpp"
#include "control/scheduler/client.hpp"
#include "net/tls.hpp"
#include "runtime/services.hpp"
#include "runtime/trust_anchors.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace runtime {

class Identity;
struct InstanceConfig;

class ControlLinks {
 public:
  /// Null where neither --placement-host-address nor --scheduler-host-address is given. Connects to
  /// nothing yet.
  static std::unique_ptr<ControlLinks> Make(const Services& services, const InstanceConfig& config,
                                            telemetry::InstanceMetrics& metrics);
  ~ControlLinks();

  /// Connects; other runtimes reach the app at `internal_port`.
  void Start(uint16_t internal_port);
  /// Ends all; jobs in hand have until the context's end. Must be awaited before destruction; more
  /// than once is fine.
  async::Task<void> Close(const async::Context& context);
  /// Moves the connections over if the trust anchors have changed since they were made. A renewed
  /// certificate leaves them alone: the next ones are made with it.
  void FollowTls();

  /// Null where no address is given. The pointers are for any thread.
  control::PlacementClient* placement() { return placement_.get(); }
  control::SchedulerClient* scheduler() { return scheduler_.get(); }

  // For metadata; any thread.
  blocks::meta::ActorRuntime actor_runtime() const;
  /// None while no scheduler is connected.
  std::optional<std::vector<std::string>> scheduler_addresses() const;

 private:
  ControlLinks(const Services& services, const InstanceConfig& config,
               telemetry::InstanceMetrics& metrics);
  bool AnchorsChanged();

  const Services& services_;
  // Null where the connections are plain.
  std::shared_ptr<const Identity> identity_;
  std::shared_ptr<const net::TlsSource> placement_tls_;
  std::shared_ptr<const net::TlsSource> scheduler_tls_;
  std::shared_ptr<const TrustAnchors::Snapshot> trusted_;  // when the connections were made
  std::unique_ptr<control::PlacementClient> placement_;
  std::unique_ptr<control::SchedulerClient> scheduler_;
  bool started_ = false;
  bool closed_ = false;
};

}  // namespace runtime
