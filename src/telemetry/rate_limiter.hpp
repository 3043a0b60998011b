// Holds down log lines that a peer can cause at will: so many a second for each key, the others
// counted. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.hpp"

namespace telemetry {

class RateLimiter {
 public:
  struct Decision {
    bool allowed = false;
    uint64_t suppressed = 0;  // lines refused since the last allowed one
  };

  /// May one more line of `key` be written at `now`? Beyond 1024 keys, new ones share one budget.
  Decision Allow(std::string_view key, uint32_t per_second, base::WallTime now);

 private:
  struct Window {
    int64_t second = INT64_MIN;
    uint32_t used = 0;
    uint64_t suppressed = 0;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace telemetry
