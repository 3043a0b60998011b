#include "async/loop_group.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace async {
namespace {

struct Detached {
  struct promise_type {
    Detached get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
    void unhandled_exception() const { std::terminate(); }
  };
};

Detached RunThenSignal(Task<void> task, std::promise<void>* done) {
  co_await task;
  task.Reset();
  done->set_value();
}

}  // namespace

LoopGroup::LoopGroup(int count, int first_index, const char* thread_name) {
  for (int i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(first_index + i));
  for (int i = 0; i < count; ++i) {
    Loop* loop = loops_[static_cast<std::size_t>(i)].get();
    threads_.emplace_back([loop] { loop->Run(); });
    pthread_setname_np(threads_.back().native_handle(),
                       (std::string(thread_name) + std::to_string(i)).c_str());
  }
}

LoopGroup::~LoopGroup() {
  Stop();
}

void LoopGroup::Stop() {
  for (auto& loop : loops_) loop->Stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void LoopGroup::RunOn(int i, std::move_only_function<void()> work) {
  std::promise<void> done;
  at(i).Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void LoopGroup::RunTaskOn(int i, std::move_only_function<Task<void>()> start) {
  std::promise<void> done;
  at(i).Post([&] { RunThenSignal(start(), &done); });
  done.get_future().wait();
}

int DefaultLoopCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  // cgroup v2: "<quota> <period>" in microseconds, or "max <period>".
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    std::string quota;
    long period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) {
      const long granted = (std::strtol(quota.c_str(), nullptr, 10) + period - 1) / period;
      cpus = std::min(cpus, static_cast<int>(std::max(1L, granted)));
    }
  }
  return std::clamp(cpus, 1, 4);
}

}  // namespace async
