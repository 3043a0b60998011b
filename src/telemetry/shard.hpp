// Which data loop the current thread is. Metrics keep one set of cells per loop, so that recording
// needs no lock and no shared cache line. A loop registers itself once, before it records anything;
// every other thread stays unregistered and shares one set of atomically added cells.
#pragma once

namespace telemetry {

namespace internal {
inline constinit thread_local int current_shard = -1;
}  // namespace internal

/// Index of the current thread's loop, 0-based; -1 on a thread that is no loop.
inline int ShardIndex() {
  return internal::current_shard;
}

/// Declares the current thread to be loop `index`. At any time at most one thread may carry an
/// index: two of them would lose each other's counts. -1 gives the index back.
inline void SetShardIndex(int index) {
  internal::current_shard = index;
}

}  // namespace telemetry
