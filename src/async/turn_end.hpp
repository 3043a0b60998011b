// TurnEnd: the wait of a coroutine that does its work once a turn, at its end, however often it was
// asked for in that turn. A connection's writer uses it, so that everything appended meanwhile goes
// out in one write. One waiter; own loop's thread only.
#pragma once

#include <coroutine>
#include <utility>

#include "async/loop.hpp"

namespace async {

class TurnEnd {
 public:
  explicit TurnEnd(Loop& loop) : loop_(loop) {}
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

  /// Resumes the waiter at the end of this turn; nothing happens when nobody waits.
  void Wake() {
    if (waiter_) std::exchange(waiter_, nullptr)->Resume();
  }

  class Waiter {
   public:
    /// With `ready` there is something to do already: no wait.
    Waiter(TurnEnd& end, bool ready) : end_(end), ready_(ready) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    /// A frame that goes away while it waits takes its place back.
    ~Waiter() {
      if (end_.waiter_ == this) end_.waiter_ = nullptr;
      if (deferred_) end_.loop_.Undefer(self_);
    }
    bool await_ready() const { return ready_; }
    void await_suspend(std::coroutine_handle<> self) {
      self_ = self;
      end_.waiter_ = this;
    }
    void await_resume() { deferred_ = false; }

   private:
    friend class TurnEnd;
    void Resume() {
      deferred_ = true;
      end_.loop_.Defer(self_);
    }
    TurnEnd& end_;
    const bool ready_;
    std::coroutine_handle<> self_;
    bool deferred_ = false;
  };
  Waiter Wait(bool ready) { return Waiter(*this, ready); }

 private:
  Loop& loop_;
  Waiter* waiter_ = nullptr;
};

}  // namespace async
