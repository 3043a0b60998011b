// A bounded pool of threads for libraries that block (SQLite, file reads). The coroutine waits on
// its loop; the work runs on a pool thread and must not touch anything of the loop.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "async/loop.hpp"
#include "async/task.hpp"

namespace async {

class BlockingPool {
 public:
  /// Threads start on demand, up to `max_threads`, and stay until the pool is destroyed.
  explicit BlockingPool(std::size_t max_threads, std::size_t max_queue = 10'000);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Runs `work` on a pool thread and resumes on the calling loop with its value. `work` must not
  /// throw. nullopt if the queue is full or the pool is stopping. Cannot be canceled: the caller
  /// always waits for the work, so that what it refers to stays alive.
  template <class F, class T = std::invoke_result_t<F>>
  Task<std::optional<T>> Run(F work) {
    std::optional<T> result;
    Hop hop{*this, [&result, &work] { result.emplace(work()); }};
    co_await hop;
    co_return result;
  }

  /// Queues work nobody waits for. False if the queue is full or the pool is stopping.
  bool Submit(std::move_only_function<void()> work);

 private:
  struct Hop {
    BlockingPool& pool;
    std::move_only_function<void()> work;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> self) {
      Loop* loop = Loop::Current();
      return pool.Submit([work = std::move(work), loop, self]() mutable {
        work();
        loop->Post([self] { self.resume(); });
      });
    }
    void await_resume() const noexcept {}
  };

  void ThreadMain();

  const std::size_t max_threads_;
  const std::size_t max_queue_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::deque<std::move_only_function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace async
