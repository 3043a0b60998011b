#include "telemetry/log.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/strings.hpp"
#include "telemetry/log_sink.hpp"
#include "telemetry/rate_limiter.hpp"

namespace telemetry {

RateLimiter::Decision RateLimiter::Allow(std::string_view key, uint32_t per_second,
                                         base::WallTime now) {
  constexpr size_t kMaxKeys = 1024;
  const int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  auto found = windows_.find(std::string(key));
  if (found == windows_.end()) {
    found = windows_.try_emplace(std::string(windows_.size() < kMaxKeys ? key : "")).first;
  }
  Window& window = found->second;
  if (window.second != second) {
    window.second = second;
    window.used = 0;
  }
  if (window.used >= per_second) {
    ++window.suppressed;
    return {};
  }
  ++window.used;
  return {true, std::exchange(window.suppressed, 0)};
}

base::Result<Level> ParseLevel(std::string_view name) {
  const std::string lower = base::ToLower(name);
  if (lower == "debug") return Level::kDebug;
  if (lower == "info") return Level::kInfo;
  if (lower == "warn" || lower == "warning") return Level::kWarning;
  if (lower == "error") return Level::kError;
  if (lower == "fatal") return Level::kFatal;
  return base::Fail(base::Kind::kInvalidArgument,
                    "invalid value for --log-level: " + std::string(name) +
                        " (use debug, info, warn, error or fatal)");
}

Logger::Logger() : rate_limiter_(std::make_unique<RateLimiter>()) {
  (void)Configure({});  // cannot fail without a file
}

Logger::~Logger() {
  StopWriterThread();
}

Logger& Logger::Global() {
  static Logger& logger = *new Logger();
  return logger;
}

base::Status Logger::Configure(LogOptions options) {
  int fd = options.fd;
  if (!options.file.empty()) {
    fd = open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
      return base::Fail(base::Kind::kInvalidArgument, "--log-file: cannot open " + options.file +
                                                          " for writing: " + std::strerror(errno));
    }
  }
  options_ = std::move(options);
  SetLevel(options_.level);
  // A copy of the options: the writer may outlive the logger.
  const auto summary = [copy = options_](uint64_t lost) {
    LogLine line;
    line.time = copy.clock ? copy.clock() : base::WallNow();
    line.level = Level::kWarning;
    const std::string msg = std::to_string(lost) +
                            " log lines were lost because the output could not take them in time";
    line.msg = msg;
    line.scope = "dapr.runtime.log";
    line.app_id = copy.app_id;
    line.instance = copy.instance;
    line.version = copy.version;
    return copy.json ? FormatJson(line) : FormatText(line);
  };
  sink_ = std::make_shared<LogSink>(fd, !options_.file.empty(), options_.queue_lines,
                                    options_.queue_bytes, summary);
  return {};
}

base::WallTime Logger::Now() const {
  return options_.clock ? options_.clock() : base::WallNow();
}

void Logger::StartWriterThread() {
  LogSink::Start(sink_);
}
void Logger::StopWriterThread(std::chrono::milliseconds timeout) {
  sink_->Stop(timeout);
}
bool Logger::Flush(std::chrono::milliseconds timeout) {
  return sink_->Flush(timeout);
}
uint64_t Logger::dropped() const {
  return sink_->dropped();
}

void Logger::Write(const LogLine& line) {
  LogLine full = line;
  full.time = Now();
  full.instance = options_.instance;
  full.version = options_.version;
  if (full.app_id.empty()) full.app_id = options_.app_id;
  std::string text = options_.json ? FormatJson(full) : FormatText(full);
  if (full.level == Level::kFatal) {
    Flush(options_.fatal_wait);
    sink_->PutNow(text, options_.fatal_wait);
  } else {
    sink_->Put(std::move(text));
  }
}

Log Log::WithAppId(std::string app_id) const {
  Log copy = *this;
  copy.app_id_ = std::make_shared<const std::string>(std::move(app_id));
  return copy;
}

void Log::Write(Level level, std::string_view msg, std::span<const LogField> fields) const {
  if (!Enabled(level)) return;
  LogLine line;
  line.level = level;
  line.msg = msg;
  line.scope = scope_;
  if (app_id_) line.app_id = *app_id_;
  line.fields = fields;
  logger_->Write(line);
}

Log::Limited Log::RateLimited(std::string_view key, uint32_t per_second) const {
  return {*this, key, per_second};
}

void Log::Limited::Put(Level level, std::string_view msg, Fields fields) const {
  if (!log_.Enabled(level)) return;
  Logger& logger = *log_.logger_;
  const auto decision = logger.rate_limiter().Allow(key_, per_second_, logger.Now());
  if (!decision.allowed) return;
  std::vector<LogField> all(fields);
  if (decision.suppressed > 0) all.emplace_back("suppressed", decision.suppressed);
  log_.Write(level, msg, all);
}

}  // namespace telemetry
