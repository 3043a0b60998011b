// Loop: one thread's event loop over epoll (edge triggered), with timers and a queue that other
// threads may post to. A data loop accepts connections, serves them for life and owns its pools of
// upstream connections; nothing on it is shared with another loop except immutable snapshots.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "async/timer.hpp"
#include "async/waiter.hpp"

namespace async {

class Loop;

/// One descriptor registered with a loop, for its whole life. Edge triggered: `readable()` and
/// `writable()` are hints that stay true until an operation reports EAGAIN (or a short read), which
/// the user tells with `set_readable(false)`; then it waits. At most one waiter a direction.
class FdWatch {
 public:
  FdWatch() = default;
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;
  ~FdWatch() { Close(); }

  /// Starts to watch `fd` (not owned). Call on `loop`'s thread. False if epoll refuses; errno
  /// tells.
  bool Open(Loop& loop, int fd);
  /// Stops watching. Waiters are dropped without being fired.
  void Close();
  bool is_open() const { return node_ != nullptr; }
  Loop& loop() const { return *loop_; }

  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  void set_readable(bool value) { readable_ = value; }
  void set_writable(bool value) { writable_ = value; }
  /// True once the peer has closed or the descriptor failed.
  bool hung_up() const { return hung_up_; }

  /// Fires `waiter` at the next edge; null withdraws it.
  void OnReadable(Waiter* waiter) { read_waiter_ = waiter; }
  void OnWritable(Waiter* waiter) { write_waiter_ = waiter; }
  bool has_read_waiter() const { return read_waiter_ != nullptr; }

 private:
  friend class Loop;
  struct Node {
    FdWatch* watch;
  };
  Loop* loop_ = nullptr;
  Node* node_ = nullptr;
  int fd_ = -1;
  bool readable_ = true;
  bool writable_ = true;
  bool hung_up_ = false;
  Waiter* read_waiter_ = nullptr;
  Waiter* write_waiter_ = nullptr;
};

class Loop {
 public:
  /// `index` numbers the data loops from 0; other loops (administration) come after them.
  explicit Loop(int index = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// The loop running on this thread, or null.
  static Loop* Current();
  int index() const { return index_; }

  /// Serves until Stop. Must run on one thread only; that thread becomes the loop's.
  void Run();
  /// Ends Run after the current turn. Any thread.
  void Stop();
  bool InThread() const { return Current() == this; }

  /// Runs `work` on the loop's thread in a later turn. Any thread. Work posted after Run has ended
  /// is destroyed with the loop, without being run.
  void Post(std::move_only_function<void()> work);
  /// Resumes `handle` later in this turn. Own thread only.
  void Defer(std::coroutine_handle<> handle) { deferred_.push_back(handle); }
  /// Takes back a Defer that has not been carried out, for a frame that goes away.
  void Undefer(std::coroutine_handle<> handle);

  /// The time at the start of this turn: cheap, good for deadlines.
  TimePoint now() const { return now_; }
  /// A deadline `wait` from now; saturates.
  TimePoint After(Duration wait) const { return wait >= kForever - now_ ? kForever : now_ + wait; }
  TimerWheel& timers() { return timers_; }

  /// Runs `work` here and now as if on the loop's thread. Only while no thread runs the loop.
  void RunHere(std::move_only_function<void()> work);

  /// Turns the loop once without blocking longer than `max_millis`; for tests.
  void RunOnce(int max_millis);

 private:
  friend class FdWatch;
  void RunDeferred();
  void RunPosted();

  const int index_;
  int epoll_ = -1;
  int wakeup_ = -1;
  TimePoint now_;
  TimerWheel timers_;
  std::vector<std::coroutine_handle<>> deferred_;
  std::vector<std::coroutine_handle<>> resuming_;  // the batch of this turn
  std::vector<FdWatch::Node*> graveyard_;

  std::atomic<bool> stop_{false};
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

/// `co_await Yield()` lets other work of the loop run first.
class Yield {
 public:
  Yield() = default;
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;
  ~Yield() {
    if (loop_) loop_->Undefer(self_);
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    self_ = self;
    loop_ = Loop::Current();
    loop_->Defer(self);
  }
  void await_resume() noexcept { loop_ = nullptr; }

 private:
  Loop* loop_ = nullptr;
  std::coroutine_handle<> self_;
};

}  // namespace async
