// EndOfTurn: runs a function once at the end of the loop's turn, however often it was asked for in
// that turn. What was queued by many requests is then written at once. One loop.
#pragma once

#include <coroutine>
#include <exception>

#include "async/frame_pool.hpp"
#include "async/loop.hpp"

namespace components::postgres {

class EndOfTurn {
 public:
  using Work = void (*)(void* owner);
  /// `work` must not destroy this object.
  EndOfTurn(async::Loop& loop, Work work, void* owner)
      : loop_(loop), work_(work), owner_(owner), frame_(Run(*this)) {}
  EndOfTurn(const EndOfTurn&) = delete;
  EndOfTurn& operator=(const EndOfTurn&) = delete;
  ~EndOfTurn() {
    if (scheduled_) loop_.Undefer(frame_);
    frame_.destroy();
  }
  void Schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    loop_.Defer(frame_);
  }

 private:
  struct Frame {
    struct promise_type {
      static void* operator new(std::size_t size) { return async::FramePool::Allocate(size); }
      static void operator delete(void* frame, std::size_t size) {
        async::FramePool::Free(frame, size);
      }
      Frame get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }
    };
    std::coroutine_handle<> handle;
    operator std::coroutine_handle<>() const { return handle; }  // NOLINT
  };
  static Frame Run(EndOfTurn& self) {
    while (true) {
      self.scheduled_ = false;
      self.work_(self.owner_);
      co_await std::suspend_always{};
    }
  }

  async::Loop& loop_;
  Work work_;
  void* owner_;
  bool scheduled_ = false;
  std::coroutine_handle<> frame_;
};

}  // namespace components::postgres
