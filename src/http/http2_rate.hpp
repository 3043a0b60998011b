// A token bucket for what a peer may make a connection do per second.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "async/timer.hpp"

namespace http {

class Http2Rate {
 public:
  /// 0 = no limit. The bucket holds ten seconds' worth and starts full.
  Http2Rate(uint32_t per_second, async::TimePoint now)
      : rate_(per_second), tokens_(int64_t{per_second} * 10), last_(now) {}

  /// False if the peer has used up what it may.
  bool Take(async::TimePoint now) {
    if (rate_ == 0) return true;
    if (--tokens_ >= 0) return true;
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now - last_).count();
    const int64_t earned = millis * rate_ / 1000;
    if (earned <= 0) return false;
    tokens_ = std::min(tokens_ + earned, int64_t{rate_} * 10);
    last_ = now;
    return tokens_ >= 0;
  }
  /// For work of ours that answers the peer's frames honestly.
  void Give(int64_t tokens) { tokens_ = std::min(tokens_ + tokens, int64_t{rate_} * 10); }

 private:
  int64_t rate_;
  int64_t tokens_;
  async::TimePoint last_;  // up to when earnings are counted
};

}  // namespace http
