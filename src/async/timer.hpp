// Timers of one loop: a hierarchical wheel with millisecond ticks. Arming, re-arming and cancelling
// are O(1) and allocate nothing, because every request arms a deadline that almost never fires.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace async {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
/// "No deadline". Waits that can be given it must be bounded by something else.
inline constexpr TimePoint kForever = TimePoint::max();

class TimerWheel;

/// One timer, owned by whoever embeds it. Fires at most once per Arm, on the loop's thread, never
/// early, at most about one tick late on an idle loop. Destroying it cancels it.
class Timer {
 public:
  using Callback = void (*)(Timer*);

  Timer() = default;
  explicit Timer(Callback callback) : callback_(callback) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Cancel(); }

  void set_callback(Callback callback) { callback_ = callback; }
  bool armed() const { return next_ != nullptr; }
  void Cancel() {
    if (!next_) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* prev_ = nullptr;
  uint64_t tick_ = 0;
  Callback callback_ = nullptr;
};

class TimerWheel {
 public:
  explicit TimerWheel(TimePoint now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// (Re-)arms `timer`. kForever leaves it unarmed.
  void Arm(Timer& timer, TimePoint deadline);
  /// Fires what is due at `now`.
  void Advance(TimePoint now);
  /// Milliseconds until Advance has work, -1 if there is none. May be earlier than the next timer
  /// (a cascade), never later.
  int NextTimeoutMillis(TimePoint now) const;

 private:
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 5;  // 64^5 ms: twelve days; later deadlines are re-filed

  uint64_t TickAt(TimePoint time) const;
  void File(Timer& timer);
  uint64_t NextOccupied(int level, uint64_t after) const;
  static bool Empty(const Timer& head) { return head.next_ == &head; }

  TimePoint start_;
  uint64_t tick_ = 0;  // everything before and including this tick has fired
  std::array<std::array<Timer, kSlots>, kLevels> slots_;
  mutable std::array<uint64_t, kLevels> occupied_{};
};

}  // namespace async
