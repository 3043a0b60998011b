#include "async/loop_group.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <latch>
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

LoopGroup::LoopGroup(int count, int first_index, const char* thread_name, Threads threads)
    : thread_name_(thread_name) {
  for (int i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(first_index + i));
  if (threads == Threads::kNow) StartThreads();
}

void LoopGroup::StartThreads() {
  if (!threads_.empty()) return;
  for (int i = 0; i < size(); ++i) {
    threads_.emplace_back([loop = &at(i), i, name = thread_name_] {
      // By the thread itself, which is one system call instead of three.
      pthread_setname_np(pthread_self(), (name + std::to_string(i)).c_str());
      loop->Run();
    });
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
  if (threads_.empty()) return at(i).RunHere(std::move(work));
  std::promise<void> done;
  at(i).Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void LoopGroup::RunOnAll(const std::function<void(int)>& work) {
  if (threads_.empty()) {
    for (int i = 0; i < size(); ++i) at(i).RunHere([&] { work(i); });
    return;
  }
  std::latch done(size());
  for (int i = 0; i < size(); ++i) {
    at(i).Post([&, i] {
      work(i);
      done.count_down();
    });
  }
  done.wait();
}

void LoopGroup::RunTaskOn(int i, std::move_only_function<Task<void>()> start) {
  StartThreads();
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
