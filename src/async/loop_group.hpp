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
  /// Creates `count` loops and starts their threads. Indices start at `first_index`.
  explicit LoopGroup(int count, int first_index = 0, const char* thread_name = "loop");
  /// Stops and joins.
  ~LoopGroup();
  LoopGroup(const LoopGroup&) = delete;
  LoopGroup& operator=(const LoopGroup&) = delete;

  int size() const { return static_cast<int>(loops_.size()); }
  Loop& at(int i) { return *loops_[static_cast<std::size_t>(i)]; }
  void Stop();

  /// Runs `work` on loop `i` and blocks the calling thread (which must not be a loop's) until it
  /// has returned.
  void RunOn(int i, std::move_only_function<void()> work);
  /// The same for a coroutine: blocks until the task `start` returned has finished.
  void RunTaskOn(int i, std::move_only_function<Task<void>()> start);

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

/// How many data loops to run: the CPUs the cgroup grants this process, at least 1, at most 4.
int DefaultLoopCount();

}  // namespace async
