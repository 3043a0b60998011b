// The policies of one target in one direction, as they were looked up in the Resiliency resources.
// Immutable but for the breakers' state; lives as long as its Policies; any thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop.hpp"
#include "resiliency/breaker.hpp"
#include "resiliency/retry.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace resiliency {

/// The breakers of targets that no resource names: one each, of the most recent ones. A loop finds
/// what it has used before without a lock.
class BreakerCache {
 public:
  BreakerCache(std::shared_ptr<const BreakerSpec> spec, int loops, std::size_t limit)
      : spec_(std::move(spec)), limit_(limit), parts_(static_cast<std::size_t>(loops)) {}
  std::shared_ptr<Breaker> Get(const std::string& key, const Breaker::OnChange& on_change);

 private:
  using Map = std::map<std::string, std::shared_ptr<Breaker>>;
  const std::shared_ptr<const BreakerSpec> spec_;
  const std::size_t limit_;
  std::vector<Map> parts_;  // by loop
  std::mutex mutex_;        // taken when a loop meets a target first
  Map all_;
  std::deque<std::string> order_;
};

/// What executions tell of themselves, with the labels that stay.
struct Telemetry {
  telemetry::InstanceMetrics* metrics = nullptr;  // may be null
  telemetry::Log log{"dapr.resiliency"};
  std::string resource;   // the Resiliency's name, for the label `name`
  std::string_view flow;  // inbound or outbound
};

/// What counts and logs the changes of a target's breaker.
Breaker::OnChange TellOf(const Telemetry& telemetry, std::string target);

struct Policy {
  std::string target;  // label: app_<id> or <Kind>_<name>
  bool many = false;   // of all apps that nobody names: the id follows `target`
  Telemetry telemetry;
  async::Duration timeout{};  // 0 = none
  std::shared_ptr<const RetryPolicy> retry;
  std::shared_ptr<Breaker> breaker;
  std::shared_ptr<BreakerCache> breakers;  // instead of `breaker`, for targets nobody names

  bool retries() const { return retry && retry->max_retries != 0; }
  bool empty() const {
    return timeout == async::Duration::zero() && !retry && !breaker && !breakers;
  }
};

}  // namespace resiliency
