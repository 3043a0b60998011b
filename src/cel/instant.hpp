// Timestamps and durations: text forms, arithmetic, and the parts of a date. Any thread.
//
// Timestamps hold the years 1 to 9999, which is more than base/time.hpp does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cel/function.hpp"
#include "cel/value.hpp"

namespace cel {

/// RFC 3339 with `T`, and `Z` or an offset; none on anything else and outside the years 1 to 9999.
std::optional<Timestamp> ParseTimestamp(std::string_view text);
/// "2024-05-06T07:08:09.5Z"
std::string FormatTimestamp(Timestamp time);
/// None outside the years 1 to 9999.
std::optional<Timestamp> TimestampOf(int64_t seconds);

/// "90.5s"
std::string FormatSeconds(int64_t nanos);

std::optional<Timestamp> AddNanos(Timestamp time, int64_t nanos);
/// a - b; none past about 292 years.
std::optional<int64_t> NanosBetween(Timestamp a, Timestamp b);

/// Seconds east of UTC of "UTC", "" and "+05:30"-like offsets; none for anything else.
std::optional<int32_t> ParseZone(std::string_view zone);

/// What a get… function gives for a timestamp, in the zone that is `offset` seconds east of UTC.
int64_t PartOf(Function function, Timestamp time, int32_t offset);
/// What it gives for a duration: the whole of it in that unit. None for functions of dates.
std::optional<int64_t> PartOf(Function function, int64_t nanos);

}  // namespace cel
