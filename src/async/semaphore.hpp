// A counted limit with a first-come queue, for app concurrency and pools. Single loop.
#pragma once

#include <cstddef>
#include <list>

#include "async/wait.hpp"

namespace async {

class Semaphore {
 public:
  /// `limit` 0 = unlimited (Acquire never waits).
  explicit Semaphore(std::size_t limit) : limit_(limit) {}

  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  /// Whoever still queues is left to its deadline or cancellation.
  ~Semaphore() {
    for (Acquiring* waiter : queue_) waiter->queued_ = false;
  }

  bool TryAcquire() {
    if (limit_ != 0 && (held_ >= limit_ || !queue_.empty())) return false;
    ++held_;
    return true;
  }
  void Release() {
    --held_;
    WakeNext();
  }
  std::size_t held() const { return held_; }
  std::size_t waiting() const { return queue_.size(); }

  class Acquiring final : public WaitBase {
   public:
    Acquiring(Semaphore& semaphore, const Context& context)
        : WaitBase(context), semaphore_(semaphore) {}
    ~Acquiring() { Withdraw(); }
    bool await_ready() const { return semaphore_.TryAcquire(); }
    bool await_suspend(std::coroutine_handle<> self) {
      if (!Suspend(self)) return false;
      place_ = semaphore_.queue_.insert(semaphore_.queue_.end(), this);
      queued_ = true;
      return true;
    }
    /// kReady: the caller holds one and must Release it.
    Wake await_resume() const { return wake_; }

   private:
    friend class Semaphore;
    void Withdraw() override {
      if (!std::exchange(queued_, false)) return;
      semaphore_.queue_.erase(place_);
    }
    Semaphore& semaphore_;
    std::list<Acquiring*>::iterator place_;
    bool queued_ = false;
  };
  [[nodiscard]] Acquiring Acquire(const Context& context) { return Acquiring(*this, context); }

 private:
  void WakeNext() {
    // Somebody queues only while all places are taken, so one release has one place to give.
    if (queue_.empty()) return;
    Acquiring* next = queue_.front();
    next->Withdraw();
    ++held_;
    next->Finish(Wake::kReady);  // the semaphore may be gone afterwards
  }
  std::size_t limit_;
  std::size_t held_ = 0;
  std::list<Acquiring*> queue_;
};

}  // namespace async
