// Random numbers: unpredictable bytes from the kernel, buffered per thread, and a fast generator
// for jitter and load balancing. Any thread; no locks.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.hpp"

namespace base {

/// Fills `out` with bytes fit for identifiers and keys. Ends the process if the kernel has none.
void FillRandom(std::span<unsigned char> out);

/// A fast number that is well spread but guessable: never for identifiers or secrets.
uint64_t FastRandom();
/// Evenly spread below `bound`; 0 when `bound` is 0.
uint64_t FastRandomBelow(uint64_t bound);
/// In [0, 1).
double FastRandomUnit();

/// `delay` changed by up to `fraction` of itself in either direction, never below zero.
Duration Jitter(Duration delay, double fraction = 0.2);

}  // namespace base
