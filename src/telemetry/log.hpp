// Logging in Dapr's format: one line per event, JSON or logrus text.
//
// A Logger owns the output. Until StartWriterThread it writes at once; afterwards lines go through
// a bounded queue to one writer thread, so that a slow reader of the output never stalls a data
// loop: when the queue is full, lines are dropped, counted and summed up in one line later. A Log
// is a cheap handle with a scope and, in an Instance, its app id. All of it may be used on any
// thread. Every text is escaped: nothing a peer sends can start a new line or a new field.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "telemetry/log_format.hpp"

namespace telemetry {

class LogSink;
class RateLimiter;

/// Level named by --log-level, in any case; "warning" is taken for "warn".
base::Result<Level> ParseLevel(std::string_view name);

struct LogOptions {
  Level level = Level::kInfo;
  bool json = false;
  std::string file;      // --log-file; empty = `fd`
  int fd = 1;            // not closed by the logger
  std::string app_id;    // of lines whose Log has none; empty = field left out
  std::string instance;  // the host's name
  std::string version;
  size_t queue_lines = 8192;
  size_t queue_bytes = 2 << 20;
  std::chrono::milliseconds fatal_wait{1000};  // for the queue, then for a full output
  std::function<base::WallTime()> clock;       // for tests; empty = the real one
};

class Logger {
 public:
  Logger();
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /// The process's logger; never destroyed, so that late threads may still log.
  static Logger& Global();

  /// Sets everything up; to be called before other threads log. Fails when the file cannot be
  /// opened (it is appended to, and made with mode 0644).
  base::Status Configure(LogOptions options);

  bool Enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
  void SetLevel(Level level) { level_.store(level, std::memory_order_relaxed); }

  /// From now on lines are written by a thread of the logger's own.
  void StartWriterThread();
  /// Writes what is queued, waiting at most `timeout`, then goes back to writing at once.
  void StopWriterThread(std::chrono::milliseconds timeout = std::chrono::seconds(1));
  /// Waits at most `timeout` until all lines logged so far are written; false when they are not.
  bool Flush(std::chrono::milliseconds timeout);

  /// Lines lost so far because the queue was full.
  uint64_t dropped() const;

  /// Formats and hands over one line. A fatal one flushes the queue and is written before
  /// this returns, waiting at most twice `fatal_wait`; ending the process is the caller's business.
  void Write(const LogLine& line);

  RateLimiter& rate_limiter() { return *rate_limiter_; }
  base::WallTime Now() const;

 private:
  LogOptions options_;
  std::atomic<Level> level_ = Level::kInfo;
  std::shared_ptr<LogSink> sink_;
  std::unique_ptr<RateLimiter> rate_limiter_;
};

class Log {
 public:
  using Fields = std::initializer_list<LogField>;

  /// `scope` (such as dapr.runtime) must be a constant or outlive every copy of the Log.
  explicit Log(std::string_view scope, Logger& logger = Logger::Global())
      : scope_(scope), logger_(&logger) {}

  /// The same log for lines that belong to an app.
  Log WithAppId(std::string app_id) const;

  bool Enabled(Level level) const { return logger_->Enabled(level); }
  void Debug(std::string_view msg, Fields fields = {}) const { Put(Level::kDebug, msg, fields); }
  void Info(std::string_view msg, Fields fields = {}) const { Put(Level::kInfo, msg, fields); }
  void Warning(std::string_view msg, Fields fields = {}) const {
    Put(Level::kWarning, msg, fields);
  }
  void Error(std::string_view msg, Fields fields = {}) const { Put(Level::kError, msg, fields); }
  void Fatal(std::string_view msg, Fields fields = {}) const { Put(Level::kFatal, msg, fields); }

  /// For field lists that are put together at run time.
  void Write(Level level, std::string_view msg, std::span<const LogField> fields) const;

  /// For lines that a hostile peer can cause at will.
  class Limited;
  /// At most `per_second` lines of `key` in each second; `key` names the place, not the peer.
  /// `log.RateLimited("bad_preface", 1).Warning(...)`. The first line after a pause carries the
  /// field `suppressed` with the number of lines left out before it.
  Limited RateLimited(std::string_view key, uint32_t per_second) const;

 private:
  void Put(Level level, std::string_view msg, Fields fields) const {
    if (Enabled(level)) Write(level, msg, std::span(fields.begin(), fields.size()));
  }

  std::string_view scope_;
  Logger* logger_;
  std::shared_ptr<const std::string> app_id_;
};

class Log::Limited {
 public:
  Limited(const Log& log, std::string_view key, uint32_t per_second)
      : log_(log), key_(key), per_second_(per_second) {}
  void Debug(std::string_view msg, Fields fields = {}) const { Put(Level::kDebug, msg, fields); }
  void Info(std::string_view msg, Fields fields = {}) const { Put(Level::kInfo, msg, fields); }
  void Warning(std::string_view msg, Fields fields = {}) const {
    Put(Level::kWarning, msg, fields);
  }
  void Error(std::string_view msg, Fields fields = {}) const { Put(Level::kError, msg, fields); }

 private:
  void Put(Level level, std::string_view msg, Fields fields) const;
  const Log& log_;
  std::string_view key_;
  uint32_t per_second_;
};

}  // namespace telemetry
