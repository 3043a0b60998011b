// The data loops of a process: N loops on N threads, started and stopped together.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "async/gate.hpp"
#include "async/loop.hpp"

namespace async {

class LoopGroup {
 public:
  /// Handing work to a thread and waiting for it costs more than most of what a start-up does
  /// there. kLater: until StartThreads, RunOn and RunOnAll do their work on the calling thread,
  /// which must then be one and the same.
  enum class Threads { kNow, kLater };
  /// Creates `count` loops, whose indices start at `first_index`. `thread_name` must be a literal.
  explicit LoopGroup(int count, int first_index = 0, const char* thread_name = "loop",
                     Threads threads = Threads::kNow);
  /// Stops and joins.
  ~LoopGroup();
  LoopGroup(const LoopGroup&) = delete;
  LoopGroup& operator=(const LoopGroup&) = delete;

  int size() const { return static_cast<int>(loops_.size()); }
  Loop& at(int i) { return *loops_[static_cast<std::size_t>(i)]; }
  /// Starts the threads if they have not been. What was posted before runs first.
  void StartThreads();
  void Stop();

  /// Runs `work` on loop `i` and blocks the calling thread (which must not be a loop's) until it
  /// has returned.
  void RunOn(int i, std::move_only_function<void()> work);
  /// The same on all loops at once, with the number of the loop.
  void RunOnAll(const std::function<void(int)>& work);
  /// As RunOn for a coroutine: blocks until the task `start` returned has finished. Starts the
  /// threads.
  void RunTaskOn(int i, std::move_only_function<Task<void>()> start);

 private:
  const char* const thread_name_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

/// How many data loops to run: the CPUs the cgroup grants this process, at least 1, at most 4.
int DefaultLoopCount();

}  // namespace async
