// The monotonic clock of every deadline, timer and age in the program. Wall-clock time is time.hpp.
#pragma once

#include <chrono>

namespace base {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace base
