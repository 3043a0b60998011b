// Pauses between tries, growing and jittered; and the component's log.
#pragma once

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "telemetry/log.hpp"

namespace components::pubsub::redis {

inline telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

/// Before the try after `failures` (> 0) in a row.
inline async::Duration DelayAfter(int failures, async::Duration first, async::Duration longest) {
  const int doublings = std::min(std::max(failures, 1) - 1, 16);
  return base::Jitter(std::min<async::Duration>(first * (1 << doublings), longest));
}

}  // namespace components::pubsub::redis
