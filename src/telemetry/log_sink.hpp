// Where log lines end: a file descriptor, written to at once or by one writer thread that drains a
// bounded queue. Shared between the Logger and that thread, so that a writer stuck in a full pipe
// can be left behind at shutdown.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace telemetry {

class LogSink {
 public:
  /// `fd` is closed with the sink if `owns_fd`. `summary` makes the line that tells of lost lines.
  LogSink(int fd, bool owns_fd, size_t max_lines, size_t max_bytes,
          std::function<std::string(uint64_t)> summary);
  ~LogSink();

  /// Queues the line, or drops and counts it when the queue is full; without a writer, writes it.
  void Put(std::string line);
  /// Writes in the caller's thread, whatever is queued; gives the line up when the output takes
  /// nothing for `timeout`.
  void PutNow(std::string_view line, std::chrono::milliseconds timeout);

  static void Start(const std::shared_ptr<LogSink>& sink);
  void Stop(std::chrono::milliseconds timeout);
  bool Flush(std::chrono::milliseconds timeout);
  uint64_t dropped() const;

 private:
  static void Run(std::shared_ptr<LogSink> sink);
  void WriteLine(std::string_view line);
  bool Idle() const { return queue_.empty() && !writing_; }

  const int fd_;
  const bool owns_fd_;
  const size_t max_lines_;
  const size_t max_bytes_;
  const std::function<std::string(uint64_t)> summary_;

  std::mutex write_mutex_;  // one line at a time; never taken while holding mutex_
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable idle_;
  std::vector<std::string> queue_;
  size_t queued_bytes_ = 0;
  uint64_t dropped_ = 0;
  uint64_t reported_ = 0;
  bool running_ = false;
  bool stopping_ = false;
  bool writing_ = false;
  std::thread thread_;
};

}  // namespace telemetry
