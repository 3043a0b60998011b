// ForEachParallel: a bounded number of coroutines that work through indices 0..count-1 on one loop.
// The caller's frame owns them: dropping the task drops the work with it.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include "async/frame_pool.hpp"
#include "async/task.hpp"

namespace contracts {

namespace internal {

struct ParallelState {
  std::size_t next = 0;
  std::size_t running = 0;
  std::coroutine_handle<> waiter;
  std::exception_ptr exception;
};

class ParallelWorker {
 public:
  struct promise_type {
    static void* operator new(std::size_t size) { return async::FramePool::Allocate(size); }
    static void operator delete(void* frame, std::size_t size) {
      async::FramePool::Free(frame, size);
    }
    template <class... Args>
    explicit promise_type(ParallelState& state, Args&&...) : state(state) {}
    ParallelWorker get_return_object() {
      return ParallelWorker(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    // The last worker resumes the waiter only when it is suspended itself, because the waiter goes
    // on to destroy all workers.
    struct Last {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        ParallelState& state = self.promise().state;
        if (--state.running == 0 && state.waiter) return state.waiter;
        return std::noop_coroutine();
      }
      void await_resume() const noexcept {}
    };
    Last final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { state.exception = std::current_exception(); }
    ParallelState& state;
  };

  explicit ParallelWorker(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  ParallelWorker(ParallelWorker&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ParallelWorker& operator=(ParallelWorker&&) = delete;
  ~ParallelWorker() {
    if (handle_) handle_.destroy();
  }
  void Start() { handle_.resume(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <class T>
ParallelWorker WorkThrough(ParallelState& state, std::size_t count, T& context,
                           async::Task<void> (*work)(T&, std::size_t)) {
  while (state.next < count) co_await work(context, state.next++);
}

struct AllDone {
  ParallelState& state;
  bool await_ready() const noexcept { return state.running == 0; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { state.waiter = self; }
  void await_resume() const noexcept {}
};

}  // namespace internal

/// Awaits `work(context, i)` for every i below `count`, at most `parallelism` (at least 1) at once,
/// each index once, started in order. Returns when all have ended. `context` must outlive the task.
template <class T>
async::Task<void> ForEachParallel(std::size_t count, std::size_t parallelism, T& context,
                                  async::Task<void> (*work)(T&, std::size_t)) {
  internal::ParallelState state;
  std::vector<internal::ParallelWorker> workers;
  const std::size_t wanted = std::max<std::size_t>(1, std::min(count, parallelism));
  workers.reserve(wanted);
  state.running = wanted;
  for (std::size_t i = 0; i < wanted; ++i) {
    workers.push_back(internal::WorkThrough(state, count, context, work));
    workers.back().Start();
  }
  co_await internal::AllDone{state};
  if (state.exception) std::rethrow_exception(state.exception);
}

}  // namespace contracts
