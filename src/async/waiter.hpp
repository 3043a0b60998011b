// The two hooks every wait is made of.
//
// Waiter: something that is told once that it may go on: a suspended coroutine or a plain callback.
// CancelToken: one caller's wish to stop. Whoever serves a request owns the token; each wait made
// on the request's behalf hooks itself in and unhooks itself. All on one loop, so there are no
// locks.
#pragma once

#include <coroutine>
#include <utility>

#include "async/timer.hpp"

namespace async {

/// Fired at most once per registration, on the loop's thread. If what it waits on goes away first,
/// it is told so by `dropped` (which may be null) and never fired; that call must not resume
/// anything.
struct Waiter {
  using Fire = void (*)(Waiter*);
  explicit Waiter(Fire fire = nullptr, Fire dropped = nullptr) : fire(fire), dropped(dropped) {}
  Fire fire;
  Fire dropped;
};

class CancelToken;

/// A hook into a CancelToken; unhooks itself when destroyed. `fire` may destroy the token or any
/// hook.
class CancelHook {
 public:
  using Fire = void (*)(CancelHook*);
  explicit CancelHook(Fire fire = nullptr) : fire_(fire) {}
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;
  ~CancelHook() { Unhook(); }

  void set_fire(Fire fire) { fire_ = fire; }
  /// Hooks into `token`. If it is canceled already, nothing is hooked and false is returned.
  bool HookInto(CancelToken& token);
  void Unhook() {
    if (!next_) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class CancelToken;
  CancelHook* next_ = nullptr;
  CancelHook* prev_ = nullptr;
  Fire fire_;
};

/// Canceled once, for good. Hooks fire in the order in which they were made.
class CancelToken {
 public:
  CancelToken() { head_.next_ = head_.prev_ = &head_; }
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;
  ~CancelToken() {
    while (head_.next_ != &head_) head_.next_->Unhook();
    head_.next_ = head_.prev_ = nullptr;
  }

  bool canceled() const { return canceled_; }
  void Cancel() {
    if (std::exchange(canceled_, true) || head_.next_ == &head_) return;
    // Off the token: what is resumed here may end the request that owns it.
    CancelHook batch;
    batch.next_ = head_.next_;
    batch.prev_ = head_.prev_;
    batch.next_->prev_ = batch.prev_->next_ = &batch;
    head_.next_ = head_.prev_ = &head_;
    while (batch.next_ != &batch) {
      CancelHook* hook = batch.next_;
      hook->Unhook();
      hook->fire_(hook);
    }
    batch.next_ = batch.prev_ = nullptr;
  }

 private:
  friend class CancelHook;
  bool canceled_ = false;
  CancelHook head_;
};

inline bool CancelHook::HookInto(CancelToken& token) {
  if (token.canceled_) return false;
  Unhook();
  prev_ = token.head_.prev_;
  next_ = &token.head_;
  token.head_.prev_->next_ = this;
  token.head_.prev_ = this;
  return true;
}

/// What bounds a call: when it must be over and who may stop it. Travels by reference with the
/// call; layers that tighten a deadline make a copy.
struct Context {
  TimePoint deadline = kForever;
  CancelToken* cancel = nullptr;

  Context() = default;
  explicit Context(TimePoint deadline, CancelToken* cancel = nullptr)
      : deadline(deadline), cancel(cancel) {}
  /// The same caller with a deadline no later than `other`.
  Context Until(TimePoint other) const {
    Context copy = *this;
    if (other < copy.deadline) copy.deadline = other;
    return copy;
  }
  bool canceled() const { return cancel && cancel->canceled(); }
};

/// How a wait ended.
enum class Wake : unsigned char { kReady, kTimeout, kCanceled };

}  // namespace async
