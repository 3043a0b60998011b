// The waits a coroutine can be in, all bounded by a Context: sleep, event, semaphore, channel. Each
// is an awaiter that lives in the awaiting frame, allocates nothing and unhooks itself if the frame
// is dropped. Single loop: none of these may be touched from another thread.
#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "async/loop.hpp"
#include "async/timer.hpp"
#include "async/waiter.hpp"

namespace async {

/// Base of awaiters that end by being fired, by deadline or by cancellation, whichever is first.
class WaitBase {
 public:
  explicit WaitBase(const Context& context) : context_(context) {}
  WaitBase(const WaitBase&) = delete;
  WaitBase& operator=(const WaitBase&) = delete;

 protected:
  /// Call from await_suspend, last. Returns false if the wait is over already (do not suspend).
  bool Suspend(std::coroutine_handle<> self) {
    handle_ = self;
    if (context_.cancel && !cancel_.HookInto(*context_.cancel)) {
      wake_ = Wake::kCanceled;
      return false;
    }
    if (context_.deadline != kForever) {
      Loop* loop = Loop::Current();
      if (context_.deadline <= loop->now()) {
        cancel_.Unhook();
        wake_ = Wake::kTimeout;
        return false;
      }
      loop->timers().Arm(timer_, context_.deadline);
    }
    return true;
  }
  /// Ends the wait and resumes the coroutine; *this may be gone afterwards.
  void Finish(Wake wake) {
    wake_ = wake;
    timer_.Cancel();
    cancel_.Unhook();
    handle_.resume();
  }
  /// Removes the wait from whatever would fire it.
  virtual void Withdraw() = 0;
  ~WaitBase() = default;

  Wake wake_ = Wake::kReady;

 private:
  struct DeadlineTimer : Timer {
    explicit DeadlineTimer(WaitBase* wait) : wait(wait) {
      set_callback([](Timer* timer) {
        auto* self = static_cast<DeadlineTimer*>(timer)->wait;
        self->Withdraw();
        self->Finish(Wake::kTimeout);
      });
    }
    WaitBase* wait;
  };
  struct Canceled : CancelHook {
    explicit Canceled(WaitBase* wait) : wait(wait) {
      set_fire([](CancelHook* hook) {
        auto* self = static_cast<Canceled*>(hook)->wait;
        self->Withdraw();
        self->Finish(Wake::kCanceled);
      });
    }
    WaitBase* wait;
  };

  // A copy: an awaiter may be kept longer than the expression that made its context.
  const Context context_;
  std::coroutine_handle<> handle_;
  DeadlineTimer timer_{this};
  Canceled cancel_{this};
};

/// `co_await Sleep(context, time)`: kReady at `time`, or earlier by the context.
class Sleep final : WaitBase {
 public:
  Sleep(const Context& context, TimePoint until)
      : WaitBase(context), until_(until), wakeup_(this) {}
  bool await_ready() const { return until_ <= Loop::Current()->now(); }
  bool await_suspend(std::coroutine_handle<> self) {
    if (!Suspend(self)) return false;
    Loop::Current()->timers().Arm(wakeup_, until_);
    return true;
  }
  Wake await_resume() const { return wake_; }

 private:
  void Withdraw() override { wakeup_.Cancel(); }
  struct Wakeup : Timer {
    explicit Wakeup(Sleep* sleep) : sleep(sleep) {
      set_callback([](Timer* timer) { static_cast<Wakeup*>(timer)->sleep->Finish(Wake::kReady); });
    }
    Sleep* sleep;
  };
  TimePoint until_;
  Wakeup wakeup_;
};

/// Waits for one edge of a descriptor; see FdWatch. `co_await Readable(watch, context)`.
class FdWait final : public WaitBase, Waiter {
 public:
  enum class Side : unsigned char { kRead, kWrite };
  FdWait(FdWatch& watch, Side side, const Context& context)
      : WaitBase(context),
        Waiter([](Waiter* waiter) { static_cast<FdWait*>(waiter)->Finish(Wake::kReady); },
               // The watch is closed: only the deadline or cancellation can end this wait now.
               [](Waiter* waiter) { static_cast<FdWait*>(waiter)->hooked_ = false; }),
        watch_(watch),
        side_(side) {}
  ~FdWait() { Withdraw(); }
  bool await_ready() const { return side_ == Side::kRead ? watch_.readable() : watch_.writable(); }
  bool await_suspend(std::coroutine_handle<> self) {
    if (!Suspend(self)) return false;
    hooked_ = true;
    if (side_ == Side::kRead) {
      watch_.OnReadable(this);
    } else {
      watch_.OnWritable(this);
    }
    return true;
  }
  Wake await_resume() {
    hooked_ = false;
    return wake_;
  }

 private:
  void Withdraw() override {
    if (!std::exchange(hooked_, false)) return;
    if (side_ == Side::kRead) {
      watch_.OnReadable(nullptr);
    } else {
      watch_.OnWritable(nullptr);
    }
  }
  FdWatch& watch_;
  Side side_;
  bool hooked_ = false;
};
inline FdWait Readable(FdWatch& watch, const Context& context) {
  return {watch, FdWait::Side::kRead, context};
}
inline FdWait Writable(FdWatch& watch, const Context& context) {
  return {watch, FdWait::Side::kWrite, context};
}

/// A flag to wait for. Set wakes all waiters; it stays set until Reset.
class Event {
 public:
  Event() { head_.next = head_.prev = &head_; }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    while (head_.next != &head_) head_.next->Unlink();
  }

  bool is_set() const { return set_; }
  void Reset() { set_ = false; }
  void Set() {
    set_ = true;
    Pulse();
  }
  /// Wakes the one who has waited longest, if any, without setting the flag.
  void PulseOne() {
    Link* link = head_.next;
    if (link == &head_) return;
    link->Unlink();
    static_cast<Waiting*>(link)->Fire();
  }
  /// Wakes those who wait now, without setting the flag. Waiters are resumed inside this call and
  /// may destroy the event; a waiter that waits again is not woken twice.
  void Pulse() {
    Link batch;
    batch.next = batch.prev = &batch;
    if (head_.next == &head_) return;
    batch.next = head_.next;
    batch.prev = head_.prev;
    batch.next->prev = batch.prev->next = &batch;
    head_.next = head_.prev = &head_;
    while (batch.next != &batch) {
      Link* link = batch.next;
      link->Unlink();
      static_cast<Waiting*>(link)->Fire();
    }
  }

 private:
  struct Link {
    Link* next = nullptr;
    Link* prev = nullptr;
    void Unlink() {
      if (!next) return;
      prev->next = next;
      next->prev = prev;
      next = prev = nullptr;
    }
  };
  class Waiting final : public WaitBase, public Link {
   public:
    Waiting(Event& event, const Context& context) : WaitBase(context), event_(event) {}
    ~Waiting() { Unlink(); }
    bool await_ready() const { return event_.set_; }
    bool await_suspend(std::coroutine_handle<> self) {
      if (!Suspend(self)) return false;
      prev = event_.head_.prev;
      next = &event_.head_;
      event_.head_.prev->next = this;
      event_.head_.prev = this;
      return true;
    }
    Wake await_resume() const { return wake_; }
    void Fire() { Finish(Wake::kReady); }

   private:
    void Withdraw() override { Unlink(); }
    Event& event_;
  };

 public:
  [[nodiscard]] Waiting Wait(const Context& context) { return Waiting(*this, context); }

 private:
  bool set_ = false;
  Link head_;
};

}  // namespace async
