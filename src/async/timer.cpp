#include "async/timer.hpp"

#include <algorithm>
#include <bit>

namespace async {

TimerWheel::TimerWheel(TimePoint now) : start_(now) {
  for (auto& level : slots_) {
    for (Timer& head : level) head.next_ = head.prev_ = &head;
  }
}

uint64_t TimerWheel::TickAt(TimePoint time) const {
  if (time <= start_) return 0;
  // Rounded up: a timer must not fire before its deadline.
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(time - start_).count());
}

void TimerWheel::Arm(Timer& timer, TimePoint deadline) {
  timer.Cancel();
  if (deadline == kForever) return;
  timer.tick_ = TickAt(deadline);
  if (timer.tick_ <= tick_) timer.tick_ = tick_ + 1;
  File(timer);
}

void TimerWheel::File(Timer& timer) {
  const uint64_t delta = timer.tick_ - tick_;
  int level = 0;
  while (level < kLevels - 1 && delta >= (uint64_t{1} << (kBits * (level + 1)))) ++level;
  // Beyond the last level the timer waits in the farthest slot and is filed again from there.
  constexpr uint64_t kSpan = uint64_t{1} << (kBits * kLevels);
  const uint64_t tick = delta >= kSpan ? tick_ + kSpan - 1 : timer.tick_;
  const uint64_t slot = (tick >> (kBits * level)) & (kSlots - 1);
  occupied_[level] |= uint64_t{1} << slot;
  Timer& head = slots_[level][slot];
  timer.prev_ = head.prev_;
  timer.next_ = &head;
  head.prev_->next_ = &timer;
  head.prev_ = &timer;
}

void TimerWheel::Advance(TimePoint now) {
  if (now < start_) return;
  const auto target =
      static_cast<uint64_t>(std::chrono::floor<std::chrono::milliseconds>(now - start_).count());
  while (tick_ < target) {
    // Skip empty ticks in one step, but stop where a higher level cascades.
    const int wait = NextTimeoutMillis(start_ + std::chrono::milliseconds(tick_));
    if (wait < 0 || tick_ + static_cast<uint64_t>(wait) > target) {
      tick_ = target;
      return;
    }
    tick_ += wait > 0 ? static_cast<uint64_t>(wait) : 1;
    for (int level = 1; level < kLevels; ++level) {
      if (tick_ & ((uint64_t{1} << (kBits * level)) - 1)) break;
      Timer& head = slots_[level][(tick_ >> (kBits * level)) & (kSlots - 1)];
      Timer list;
      if (Empty(head)) continue;
      list.next_ = head.next_;
      list.prev_ = head.prev_;
      list.next_->prev_ = list.prev_->next_ = &list;
      head.next_ = head.prev_ = &head;
      while (list.next_ != &list) {
        Timer& timer = *list.next_;
        timer.Cancel();
        File(timer);
      }
      list.next_ = list.prev_ = nullptr;
    }
    Timer& due = slots_[0][tick_ & (kSlots - 1)];
    while (!Empty(due)) {
      Timer& timer = *due.next_;
      timer.Cancel();
      if (timer.tick_ > tick_) {
        File(timer);  // was parked beyond the span
        continue;
      }
      timer.callback_(&timer);
    }
  }
}

uint64_t TimerWheel::NextOccupied(int level, uint64_t after) const {
  // Bits are set when a timer is filed and cleared here, once its slot is found empty.
  while (occupied_[level] != 0) {
    const int shift = static_cast<int>((after + 1) & (kSlots - 1));
    const auto distance =
        static_cast<uint64_t>(std::countr_zero(std::rotr(occupied_[level], shift)));
    const uint64_t slot = after + 1 + distance;
    if (!Empty(slots_[level][slot & (kSlots - 1)])) return slot;
    occupied_[level] &= ~(uint64_t{1} << (slot & (kSlots - 1)));
  }
  return UINT64_MAX;
}

int TimerWheel::NextTimeoutMillis(TimePoint now) const {
  // The nearest occupied slot of level 0, else the next point at which a higher level cascades.
  uint64_t best = NextOccupied(0, tick_);
  for (int level = 1; level < kLevels; ++level) {
    const uint64_t slot = NextOccupied(level, tick_ >> (kBits * level));
    if (slot != UINT64_MAX) best = std::min(best, slot << (kBits * level));
  }
  if (best == UINT64_MAX) return -1;
  const TimePoint at = start_ + std::chrono::milliseconds(best);
  if (at <= now) return 0;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(at - now).count();
  return static_cast<int>(std::min<int64_t>(wait, 60'000));
}

}  // namespace async
