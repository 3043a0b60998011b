// Lengths of time in the text form of flags, YAML and component metadata ("1h2m3.5s"). Any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace base {

/// Parses a signed sequence of decimal numbers with units ns, us (µs), ms, s, m, h; "0" needs none.
/// Fails on anything else and on more than about 292 years.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

/// The same, and a bare integer counts milliseconds.
Result<std::chrono::nanoseconds> ParseDurationOrMillis(std::string_view text);

/// The shortest usual form: "1h2m3.5s", "300ms", "1.5µs", "0s".
std::string FormatDuration(std::chrono::nanoseconds duration);

}  // namespace base
