#include "telemetry/log_sink.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace telemetry {

LogSink::LogSink(int fd, bool owns_fd, size_t max_lines, size_t max_bytes,
                 std::function<std::string(uint64_t)> summary)
    : fd_(fd),
      owns_fd_(owns_fd),
      max_lines_(max_lines),
      max_bytes_(max_bytes),
      summary_(std::move(summary)) {}

LogSink::~LogSink() {
  if (owns_fd_) close(fd_);
}

void LogSink::WriteLine(std::string_view line) {
  const std::lock_guard lock(write_mutex_);
  while (!line.empty()) {
    const ssize_t n = write(fd_, line.data(), line.size());
    if (n > 0) {
      line.remove_prefix(n);
    } else if (n < 0 && errno == EAGAIN) {
      // Standard output can be a non-blocking pipe that another process set so.
      pollfd wait{fd_, POLLOUT, 0};
      if (poll(&wait, 1, 1000) == 0) return;
    } else if (n < 0 && errno != EINTR) {
      return;  // nowhere to complain to
    }
  }
}

void LogSink::Put(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (running_) {
      if (queue_.size() >= max_lines_ || queued_bytes_ + line.size() > max_bytes_) {
        ++dropped_;
        return;
      }
      queued_bytes_ += line.size();
      queue_.push_back(std::move(line));
      if (queue_.size() == 1) work_.notify_one();
      return;
    }
  }
  WriteLine(line);
}

void LogSink::PutNow(std::string_view line, std::chrono::milliseconds timeout) {
  // While the output is full the writer may sit in write(2) and hold write_mutex_.
  pollfd wait{fd_, POLLOUT, 0};
  if (poll(&wait, 1, static_cast<int>(timeout.count())) != 0) WriteLine(line);
}

void LogSink::Start(const std::shared_ptr<LogSink>& sink) {
  const std::lock_guard lock(sink->mutex_);
  if (sink->running_) return;
  sink->running_ = true;
  sink->stopping_ = false;
  // Signals belong to the main thread's handling, so the writer takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  sink->thread_ = std::thread(Run, sink);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LogSink::Run(std::shared_ptr<LogSink> sink) {
  std::vector<std::string> batch;
  std::unique_lock lock(sink->mutex_);
  for (;;) {
    sink->work_.wait(lock, [&] { return !sink->queue_.empty() || sink->stopping_; });
    if (sink->queue_.empty()) break;
    batch.swap(sink->queue_);
    sink->queued_bytes_ = 0;
    sink->writing_ = true;
    lock.unlock();
    for (const std::string& line : batch) sink->WriteLine(line);
    batch.clear();
    lock.lock();
    if (const uint64_t lost = sink->dropped_ - sink->reported_; lost > 0) {
      sink->reported_ = sink->dropped_;
      lock.unlock();
      sink->WriteLine(sink->summary_(lost));
      lock.lock();
    }
    sink->writing_ = false;
    if (sink->queue_.empty()) sink->idle_.notify_all();
  }
  sink->running_ = false;
  sink->idle_.notify_all();
}

bool LogSink::Flush(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] { return Idle(); });
}

void LogSink::Stop(std::chrono::milliseconds timeout) {
  std::thread thread;
  bool ended = false;
  {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
    work_.notify_one();
    ended = idle_.wait_for(lock, timeout, [this] { return !running_; });
    thread = std::move(thread_);
  }
  // A writer that hangs in write(2) keeps the sink alive by itself until the process ends.
  if (ended) {
    thread.join();
  } else {
    thread.detach();
  }
}

uint64_t LogSink::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace telemetry
