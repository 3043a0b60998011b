#include "runtime/control_links.hpp"

#include <utility>

#include "base/strings.hpp"
#include "runtime/control_plane.hpp"
#include "runtime/identity.hpp"
#include "runtime/identity_book.hpp"
#include "runtime/instance.hpp"

namespace runtime {
namespace {

using std::chrono::milliseconds;

}  // namespace

std::unique_ptr<ControlLinks> ControlLinks::Make(const Services& services,
                                                 const InstanceConfig& config,
                                                 telemetry::InstanceMetrics& metrics) {
  const config::Options& options = services.options;
  if (options.placement_addresses.empty() && options.scheduler_addresses.empty()) return nullptr;
  return std::unique_ptr<ControlLinks>(new ControlLinks(services, config, metrics));
}

ControlLinks::ControlLinks(const Services& services, const InstanceConfig& config,
                           telemetry::InstanceMetrics& metrics)
    : services_(services) {
  const config::Options& options = services.options;
  if (config.identity && SecuresControlPlane(options, config.secure_peers)) {
    identity_ = config.identity;
    placement_tls_ = config.identity->ControlPlaneTls("dapr-placement");
    scheduler_tls_ = config.identity->ControlPlaneTls("dapr-scheduler");
  }
  ControlPlane& plane = *services.control_plane;
  if (!options.placement_addresses.empty()) {
    control::PlacementOptions out{.app_id = config.app_id,
                                  .app_namespace = config.app_namespace,
                                  .address = base::Join(options.placement_addresses, ", "),
                                  .authority = options.placement_addresses.front(),
                                  .times = {}};
    out.times.round = std::chrono::duration_cast<milliseconds>(options.actors_disseminate_timeout);
    placement_ = std::make_unique<control::PlacementClient>(
        std::move(out), plane.http(),
        [this](const async::Context& context) {
          return services_.control_plane->Locate(
              services_, context, services_.options.placement_addresses, placement_tls_);
        },
        nullptr, &metrics, telemetry::Log("dapr.runtime.actor").WithAppId(config.app_id));
  }
  if (!options.scheduler_addresses.empty()) {
    scheduler_ = std::make_unique<control::SchedulerClient>(
        control::SchedulerOptions{.app_id = config.app_id,
                                  .app_namespace = config.app_namespace,
                                  .addresses = options.scheduler_addresses,
                                  .streams = options.scheduler_job_streams,
                                  .times = {}},
        plane.http(),
        [this](const async::Context& context, const std::string& address) {
          return services_.control_plane->Locate(services_, context, {address}, scheduler_tls_);
        },
        telemetry::Log("dapr.runtime.scheduler").WithAppId(config.app_id));
  }
}

ControlLinks::~ControlLinks() = default;

void ControlLinks::Start(uint16_t internal_port) {
  if (closed_ || std::exchange(started_, true)) return;
  if (identity_) {
    // What the first connections are made with, so that the first look finds a change since.
    trusted_ = identity_->trusted();
    services_.control_plane->Add(*this);
  }
  const std::string& host = services_.host_address;
  const bool v6 = host.find(':') != std::string::npos;
  if (placement_) {
    placement_->Start(base::StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", internal_port));
  }
  if (scheduler_) scheduler_->Start();
}

async::Task<void> ControlLinks::Close(const async::Context& context) {
  if (std::exchange(closed_, true)) co_return;
  services_.control_plane->Remove(*this);
  // Jobs may call actors.
  if (scheduler_) co_await scheduler_->Close(context);
  if (placement_) co_await placement_->Close();
}

bool ControlLinks::AnchorsChanged() {
  auto now = identity_->trusted();
  if (now == trusted_) return false;
  // An identity that is not usable now lets those that stand do so.
  if (!placement_tls_->Current()) return false;
  const auto before = std::exchange(trusted_, std::move(now));
  return before->pem != trusted_->pem;
}

void ControlLinks::FollowTls() {
  if (!AnchorsChanged()) return;
  services_.control_plane->http().RenewTls([this](const http::Origin& origin) {
    return origin.tls_source == placement_tls_ || origin.tls_source == scheduler_tls_;
  });
  if (placement_) placement_->Reconnect();
  if (scheduler_) scheduler_->Reconnect();
}

blocks::meta::ActorRuntime ControlLinks::actor_runtime() const {
  blocks::meta::ActorRuntime out;
  if (!placement_) return out;
  const bool connected = placement_->connected();
  out.status = blocks::meta::ActorRuntimeStatus::kRunning;
  out.host_ready = connected && placement_->hosts_actors();
  out.placement = connected ? "placement: connected" : "placement: disconnected";
  return out;
}

std::optional<std::vector<std::string>> ControlLinks::scheduler_addresses() const {
  if (!scheduler_) return std::nullopt;
  auto out = scheduler_->connected_addresses();
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace runtime
