#include "target/concurrency_limit.hpp"

namespace target {

ConcurrencyLimit::ConcurrencyLimit(async::LoopGroup& loops, int limit)
    : loops_(loops), limit_(limit) {
  for (int i = 0; i < loops.size(); ++i) {
    waiting_.push_back(std::make_unique<std::atomic<int>>(0));
    events_.push_back(std::make_shared<async::Event>());
  }
}

bool ConcurrencyLimit::TryAcquire() {
  int held = held_.load(std::memory_order_relaxed);
  while (held < limit_) {
    if (held_.compare_exchange_weak(held, held + 1)) return true;
  }
  return false;
}

async::Task<async::Wake> ConcurrencyLimit::Acquire(const async::Context& context) {
  if (TryAcquire()) co_return async::Wake::kReady;
  const auto here = static_cast<std::size_t>(async::Loop::Current()->index());
  waiting_[here]->fetch_add(1);
  async::Wake wake = async::Wake::kReady;
  // A release between the failed try and the registration would be missed without this second try.
  while (!TryAcquire()) {
    wake = co_await events_[here]->Wait(context);
    if (wake != async::Wake::kReady) break;
  }
  waiting_[here]->fetch_sub(1);
  co_return wake;
}

void ConcurrencyLimit::Release() {
  held_.fetch_sub(1);
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i]->load() == 0) continue;
    // The oldest waiter of the loop looks again, at once, so the wake-up cannot be lost on one
    // whose wait ends for another reason; and a long queue is not walked at each release.
    loops_.at(static_cast<int>(i)).Post([event = events_[i]] { event->PulseOne(); });
  }
}

}  // namespace target
