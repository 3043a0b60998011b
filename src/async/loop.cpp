#include "async/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace async {
namespace {
thread_local Loop* current = nullptr;
}

bool FdWatch::Open(Loop& loop, int fd) {
  Close();
  auto* node = new Node{this};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = node;
  if (epoll_ctl(loop.epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    delete node;
    return false;
  }
  loop_ = &loop;
  node_ = node;
  fd_ = fd;
  readable_ = writable_ = true;
  hung_up_ = false;
  return true;
}

void FdWatch::Close() {
  if (!node_) return;
  epoll_ctl(loop_->epoll_, EPOLL_CTL_DEL, fd_, nullptr);
  // The batch of events being served may still name this node.
  node_->watch = nullptr;
  loop_->graveyard_.push_back(node_);
  node_ = nullptr;
  for (Waiter** waiter : {&read_waiter_, &write_waiter_}) {
    Waiter* const left = std::exchange(*waiter, nullptr);
    if (left && left->dropped) left->dropped(left);
  }
}

Loop::Loop(int index) : index_(index), now_(Clock::now()), timers_(now_) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wakeup_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wakeup_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot create an event loop");
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event);
}

Loop::~Loop() {
  // What goes with a piece of work may post again.
  while (!posted_.empty()) std::exchange(posted_, {}).clear();
  for (FdWatch::Node* node : graveyard_) delete node;
  close(wakeup_);
  close(epoll_);
}

Loop* Loop::Current() {
  return current;
}

void Loop::Run() {
  while (!stop_.load(std::memory_order_acquire)) RunOnce(60'000);
}

void Loop::Stop() {
  stop_.store(true, std::memory_order_release);
  Post([] {});
}

void Loop::Post(std::move_only_function<void()> work) {
  bool wake;
  {
    std::lock_guard lock(posted_mutex_);
    wake = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (wake) {
    const uint64_t one = 1;
    [[maybe_unused]] auto written = write(wakeup_, &one, sizeof one);
  }
}

void Loop::RunDeferred() {
  // Only what was there at the start: work that defers itself again must let I/O in between.
  if (!resuming_.empty()) return;  // a turn within a turn
  resuming_.swap(deferred_);
  for (std::size_t i = 0; i < resuming_.size(); ++i) {
    if (auto handle = std::exchange(resuming_[i], nullptr)) handle.resume();
  }
  resuming_.clear();
}

void Loop::Undefer(std::coroutine_handle<> handle) {
  std::erase(deferred_, handle);
  std::replace(resuming_.begin(), resuming_.end(), handle, std::coroutine_handle<>());
}

void Loop::RunPosted() {
  uint64_t ignored;
  [[maybe_unused]] auto drained = read(wakeup_, &ignored, sizeof ignored);
  std::vector<std::move_only_function<void()>> batch;
  {
    std::lock_guard lock(posted_mutex_);
    batch.swap(posted_);
  }
  for (auto& work : batch) work();
}

void Loop::RunHere(std::move_only_function<void()> work) {
  Loop* const previous = std::exchange(current, this);
  now_ = Clock::now();
  work();
  current = previous;
}

void Loop::RunOnce(int max_millis) {
  Loop* const previous = current;
  current = this;
  int timeout = max_millis;
  if (!deferred_.empty()) {
    timeout = 0;
  } else if (const int wait = timers_.NextTimeoutMillis(Clock::now()); wait >= 0) {
    timeout = std::min(timeout, wait);
  }
  std::array<epoll_event, 256> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
  now_ = Clock::now();
  for (int i = 0; i < count; ++i) {
    auto* node = static_cast<FdWatch::Node*>(events[i].data.ptr);
    if (!node) {
      RunPosted();
      continue;
    }
    const uint32_t bits = events[i].events;
    if (FdWatch* watch = node->watch;
        watch && (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
      watch->readable_ = true;
      if (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) watch->hung_up_ = true;
      if (Waiter* waiter = std::exchange(watch->read_waiter_, nullptr)) waiter->fire(waiter);
    }
    if (FdWatch* watch = node->watch; watch && (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
      watch->writable_ = true;
      if (Waiter* waiter = std::exchange(watch->write_waiter_, nullptr)) waiter->fire(waiter);
    }
  }
  timers_.Advance(now_);
  if (!deferred_.empty()) RunDeferred();
  if (previous != this) {
    // A turn within a turn leaves them to the outer one, whose batch of events may name them.
    for (FdWatch::Node* node : graveyard_) delete node;
    graveyard_.clear();
  }
  current = previous;
}

}  // namespace async
