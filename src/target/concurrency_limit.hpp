// --app-max-concurrency: how many calls into one app may be in flight in the whole process. Waiters
// queue on their own loop, first come first served there; a release wakes the loops that have some.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "async/loop_group.hpp"
#include "async/wait.hpp"

namespace target {

class ConcurrencyLimit {
 public:
  /// `limit` <= 0: no limit, and no cost.
  ConcurrencyLimit(async::LoopGroup& loops, int limit);

  bool unlimited() const { return limit_ <= 0; }
  /// kReady: the caller holds a place and must Release it.
  async::Task<async::Wake> Acquire(const async::Context& context);
  bool TryAcquire();
  void Release();
  int held() const { return held_.load(std::memory_order_relaxed); }

 private:
  async::LoopGroup& loops_;
  const int limit_;
  std::atomic<int> held_{0};
  // How many wait on each loop.
  std::vector<std::unique_ptr<std::atomic<int>>> waiting_;
  // Shared with wake-ups that are still on their way when the limit goes.
  std::vector<std::shared_ptr<async::Event>> events_;
};

}  // namespace target
