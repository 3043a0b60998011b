#include "async/blocking_pool.hpp"

#include <system_error>

namespace async {

BlockingPool::BlockingPool(std::size_t max_threads, std::size_t max_queue)
    : max_threads_(max_threads), max_queue_(max_queue) {}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool BlockingPool::Submit(std::move_only_function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= max_queue_) return false;
    queue_.push_back(std::move(work));
    if (idle_ < queue_.size() && threads_.size() < max_threads_) {
      try {
        threads_.emplace_back([this] { ThreadMain(); });
      } catch (const std::system_error&) {
        // No more threads to be had: those there are will get to it, if there are any.
        if (threads_.empty()) {
          queue_.pop_back();
          return false;
        }
      }
    }
  }
  work_ready_.notify_one();
  return true;
}

void BlockingPool::ThreadMain() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    work_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;  // stopping, and all work is done
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace async
