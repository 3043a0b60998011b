// Wall-clock time in the text forms of the protocols: RFC 3339 and HTTP dates. Any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// Nanoseconds since 1970 in UTC; holds the years 1678 to 2261.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

WallTime WallNow();

/// "2024-05-06T07:08:09Z"
std::string FormatRfc3339(WallTime time);
/// "2024-05-06T07:08:09.12Z": up to nine decimals, trailing zeros cut, none for a whole second.
std::string FormatRfc3339Nano(WallTime time);
/// The same two in the process's time zone: "2024-05-06T09:08:09+02:00".
std::string FormatRfc3339Local(WallTime time);
std::string FormatRfc3339NanoLocal(WallTime time);

/// Parses both forms with Z or any offset. None on anything else. Times outside WallTime's range
/// become its nearest end.
std::optional<WallTime> ParseRfc3339(std::string_view text);

/// "Mon, 06 May 2024 07:08:09 GMT"
std::string FormatHttpDate(WallTime time);
/// The form above only; the obsolete two are not accepted.
std::optional<WallTime> ParseHttpDate(std::string_view text);

}  // namespace base
