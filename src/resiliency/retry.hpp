// How often and after which pauses a failed operation is tried again. Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "async/loop.hpp"
#include "base/result.hpp"
#include "config/resiliency.hpp"

namespace resiliency {

/// Statuses that are worth another try: HTTP statuses or gRPC codes, as "429,500-599".
class CodeMatch {
 public:
  /// kInvalidArgument with what is wrong. Empty texts match every code of their kind.
  static base::Result<CodeMatch> Parse(const config::RetryMatching& matching);
  /// gRPC codes are 0 to 16, HTTP statuses 100 to 599; no other number is worth a try.
  bool Matches(int code) const;

 private:
  struct Range {
    int first = 0;
    int last = 0;
  };
  using Ranges = std::vector<Range>;
  static base::Result<std::optional<Ranges>> ParseRanges(std::string_view text, Range valid);
  std::optional<Ranges> http_;
  std::optional<Ranges> grpc_;
};

struct RetryPolicy {
  bool exponential = false;
  async::Duration duration = std::chrono::seconds(5);  // between tries, unless exponential
  // Of exponential pauses; they grow by half, with jitter of half their length.
  async::Duration initial_interval = std::chrono::milliseconds(500);
  async::Duration max_interval = std::chrono::seconds(60);
  async::Duration max_elapsed = std::chrono::minutes(15);  // 0 = for ever
  int64_t max_retries = -1;                                // -1 = no limit
  CodeMatch match;
};

/// The pauses of one operation.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, async::TimePoint start)
      : policy_(policy), start_(start), interval_(policy.initial_interval) {}
  /// How long to wait before the next try; none when there is to be no other. `random` is in
  /// [0, 1).
  std::optional<async::Duration> Next(async::TimePoint now, double random);
  int64_t retries() const { return retries_; }

 private:
  const RetryPolicy& policy_;
  const async::TimePoint start_;
  async::Duration interval_;
  int64_t retries_ = 0;
};

}  // namespace resiliency
