#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <ctime>

#include "base/strings.hpp"

namespace base {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};

void Pad(std::string& out, uint64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

struct Broken {
  std::chrono::year_month_day date;
  int64_t second_of_day;
  int64_t nanos;
  std::chrono::weekday weekday;
};

Broken Break(WallTime time) {
  const auto day = floor<days>(time);
  const auto in_day = time - day;
  const auto whole = floor<seconds>(in_day);
  return {std::chrono::year_month_day(day), whole.count(), (in_day - whole).count(),
          std::chrono::weekday(day)};
}

std::string Format(WallTime time, seconds offset, bool utc, bool fraction) {
  const Broken b = Break(time + offset);
  std::string out;
  out.reserve(36);
  Pad(out, static_cast<uint64_t>(int{b.date.year()}), 4);
  out += '-';
  Pad(out, unsigned{b.date.month()}, 2);
  out += '-';
  Pad(out, unsigned{b.date.day()}, 2);
  out += 'T';
  Pad(out, static_cast<uint64_t>(b.second_of_day / 3600), 2);
  out += ':';
  Pad(out, static_cast<uint64_t>(b.second_of_day / 60 % 60), 2);
  out += ':';
  Pad(out, static_cast<uint64_t>(b.second_of_day % 60), 2);
  if (fraction && b.nanos != 0) {
    out += '.';
    Pad(out, static_cast<uint64_t>(b.nanos), 9);
    while (out.back() == '0') out.pop_back();
  }
  if (utc) {
    out += 'Z';
  } else {
    const int64_t minutes = std::abs(offset.count()) / 60;
    out += offset.count() < 0 ? '-' : '+';
    Pad(out, static_cast<uint64_t>(minutes / 60), 2);
    out += ':';
    Pad(out, static_cast<uint64_t>(minutes % 60), 2);
  }
  return out;
}

seconds LocalOffset(WallTime time) {
  const std::time_t t = floor<seconds>(time).time_since_epoch().count();
  std::tm tm{};
  return ::localtime_r(&t, &tm) == nullptr ? seconds(0) : seconds(tm.tm_gmtoff);
}

std::string FormatLocal(WallTime time, bool fraction) {
  const seconds offset = LocalOffset(time);
  return Format(time, offset, offset == seconds(0), fraction);
}

// Exactly `count` digits from the front of `text`.
std::optional<int> Take(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}
bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

struct Fields {
  int year, month, day, hour, minute, second;
};

std::optional<WallTime> Build(const Fields& f, int64_t nanos, int64_t offset_seconds) {
  const std::chrono::year_month_day date{std::chrono::year(f.year),
                                         std::chrono::month(static_cast<unsigned>(f.month)),
                                         std::chrono::day(static_cast<unsigned>(f.day))};
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 59) return std::nullopt;
  const int64_t total = sys_days(date).time_since_epoch().count() * int64_t{86400} + f.hour * 3600 +
                        f.minute * 60 + f.second - offset_seconds;
  constexpr int64_t kLimit = 9'223'372'035;
  if (total > kLimit) return WallTime::max();
  if (total < -kLimit) return WallTime::min();
  return WallTime(seconds(total)) + nanoseconds(nanos);
}

}  // namespace

WallTime WallNow() {
  return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

std::string FormatRfc3339(WallTime time) {
  return Format(time, seconds(0), true, false);
}
std::string FormatRfc3339Nano(WallTime time) {
  return Format(time, seconds(0), true, true);
}
std::string FormatRfc3339Local(WallTime time) {
  return FormatLocal(time, false);
}
std::string FormatRfc3339NanoLocal(WallTime time) {
  return FormatLocal(time, true);
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  Fields f{};
  auto year = Take(text, 4);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  auto month = Take(text, 2);
  if (!month || !TakeChar(text, '-')) return std::nullopt;
  auto day = Take(text, 2);
  if (!day || !TakeChar(text, 'T')) return std::nullopt;
  auto hour = Take(text, 2);
  if (!hour || !TakeChar(text, ':')) return std::nullopt;
  auto minute = Take(text, 2);
  if (!minute || !TakeChar(text, ':')) return std::nullopt;
  auto second = Take(text, 2);
  if (!second) return std::nullopt;
  f = {*year, *month, *day, *hour, *minute, *second};
  int64_t nanos = 0;
  if (!text.empty() && (text.front() == '.' || text.front() == ',')) {
    text.remove_prefix(1);
    int64_t unit = 100'000'000;
    if (text.empty() || !IsDigit(text.front())) return std::nullopt;
    for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1)) {
      nanos += unit * (text.front() - '0');
      unit /= 10;
    }
  }
  int64_t offset = 0;
  if (!TakeChar(text, 'Z')) {
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    auto hours = Take(text, 2);
    if (!hours || !TakeChar(text, ':')) return std::nullopt;
    auto minutes = Take(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = sign * (*hours * 3600 + *minutes * 60);
  }
  if (!text.empty()) return std::nullopt;
  return Build(f, nanos, offset);
}

std::string FormatHttpDate(WallTime time) {
  const Broken b = Break(time);
  std::string out(kWeekdays[b.weekday.c_encoding()]);
  out += ", ";
  Pad(out, unsigned{b.date.day()}, 2);
  StrAppend(out, ' ', kMonths[unsigned{b.date.month()} - 1], ' ');
  Pad(out, static_cast<uint64_t>(int{b.date.year()}), 4);
  out += ' ';
  Pad(out, static_cast<uint64_t>(b.second_of_day / 3600), 2);
  out += ':';
  Pad(out, static_cast<uint64_t>(b.second_of_day / 60 % 60), 2);
  out += ':';
  Pad(out, static_cast<uint64_t>(b.second_of_day % 60), 2);
  return out += " GMT";
}

std::optional<WallTime> ParseHttpDate(std::string_view text) {
  // The weekday is redundant and is only checked for its shape.
  if (text.size() != 29 || text[3] != ',' || text[4] != ' ' || !text.ends_with(" GMT")) {
    return std::nullopt;
  }
  text.remove_prefix(5);
  auto day = Take(text, 2);
  if (!day || !TakeChar(text, ' ')) return std::nullopt;
  int month = 0;
  for (int i = 0; i < 12; ++i) {
    if (text.starts_with(kMonths[static_cast<size_t>(i)])) month = i + 1;
  }
  if (month == 0) return std::nullopt;
  text.remove_prefix(3);
  if (!TakeChar(text, ' ')) return std::nullopt;
  auto year = Take(text, 4);
  if (!year || !TakeChar(text, ' ')) return std::nullopt;
  auto hour = Take(text, 2);
  if (!hour || !TakeChar(text, ':')) return std::nullopt;
  auto minute = Take(text, 2);
  if (!minute || !TakeChar(text, ':')) return std::nullopt;
  auto second = Take(text, 2);
  if (!second || text != " GMT") return std::nullopt;
  return Build({*year, month, *day, *hour, *minute, *second}, 0, 0);
}

}  // namespace base
