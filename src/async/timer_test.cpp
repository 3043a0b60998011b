#include "async/timer.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace async {
namespace {

using std::chrono::milliseconds;

struct Recorded : Timer {
  Recorded() {
    set_callback([](Timer* timer) { ++static_cast<Recorded*>(timer)->fired; });
  }
  int fired = 0;
};

TEST(TimerWheel, FiresNeverEarlyAndAtMostOneTickLate) {
  const TimePoint start = Clock::now();
  std::mt19937 random(7);
  for (const int span : {10, 100, 5'000, 400'000, 20'000'000}) {
    TimerWheel wheel(start);
    std::vector<std::unique_ptr<Recorded>> timers;
    std::vector<int> due;
    for (int i = 0; i < 200; ++i) {
      due.push_back(static_cast<int>(random() % static_cast<unsigned>(span)) + 1);
      timers.push_back(std::make_unique<Recorded>());
      wheel.Arm(*timers.back(), start + milliseconds(due.back()));
    }
    // Follow the wheel's own advice on when to come back, as the loop does.
    int64_t now = 0;
    while (true) {
      const int wait = wheel.NextTimeoutMillis(start + milliseconds(now));
      if (wait < 0) break;
      now += std::max(wait, 1);
      wheel.Advance(start + milliseconds(now));
      for (std::size_t i = 0; i < timers.size(); ++i) {
        ASSERT_EQ(timers[i]->fired, due[i] <= now ? 1 : 0) << "due " << due[i] << " now " << now;
      }
    }
    for (auto& timer : timers) EXPECT_EQ(timer->fired, 1);
  }
}

TEST(TimerWheel, CancelAndRearm) {
  const TimePoint start = Clock::now();
  TimerWheel wheel(start);
  Recorded timer;
  wheel.Arm(timer, start + milliseconds(5));
  timer.Cancel();
  wheel.Advance(start + milliseconds(50));
  EXPECT_EQ(timer.fired, 0);
  wheel.Arm(timer, start + milliseconds(60));
  wheel.Arm(timer, start + milliseconds(70));
  wheel.Advance(start + milliseconds(65));
  EXPECT_EQ(timer.fired, 0);
  wheel.Advance(start + milliseconds(70));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(wheel.NextTimeoutMillis(start + milliseconds(70)), -1);
}

TEST(TimerWheel, TimersBeyondTheSpanAreKept) {
  const TimePoint start = Clock::now();
  TimerWheel wheel(start);
  Recorded timer;
  const auto month = std::chrono::hours(24 * 30);
  wheel.Arm(timer, start + month);
  wheel.Advance(start + month - milliseconds(1));
  EXPECT_EQ(timer.fired, 0);
  wheel.Advance(start + month);
  EXPECT_EQ(timer.fired, 1);
}

}  // namespace
}  // namespace async
