#include "cel/instant.hpp"

#include <charconv>
#include <chrono>

#include "base/strings.hpp"

namespace cel {
namespace {

constexpr int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z
constexpr int64_t kNanos = 1'000'000'000;

// Exactly two (or `count`) digits at text[i].
std::optional<int> Digits(std::string_view text, size_t i, size_t count) {
  if (i + count > text.size()) return std::nullopt;
  int value = 0;
  for (size_t k = i; k < i + count; ++k) {
    if (!base::IsDigit(text[k])) return std::nullopt;
    value = value * 10 + (text[k] - '0');
  }
  return value;
}

// "+05:30" and "-05:30" in seconds.
std::optional<int32_t> Offset(std::string_view text) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = Digits(text, 1, 2), minutes = Digits(text, 4, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int32_t seconds = *hours * 3600 + *minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

void Pad(std::string& out, int64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

struct Broken {
  std::chrono::sys_days day;
  std::chrono::year_month_day date;
  int64_t second_of_day;
};

Broken Break(int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {day, std::chrono::year_month_day(day), (time - day).count()};
}

}  // namespace

std::optional<Timestamp> TimestampOf(int64_t seconds) {
  if (seconds < kFirstSecond || seconds > kLastSecond) return std::nullopt;
  return Timestamp{seconds, 0};
}

std::optional<Timestamp> ParseTimestamp(std::string_view text) {
  // 2024-05-06T07:08:09
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  text.remove_prefix(19);
  int32_t nanos = 0;
  if (text[0] == '.') {
    text.remove_prefix(1);
    if (text.empty() || !base::IsDigit(text[0])) return std::nullopt;
    for (int32_t unit = 100'000'000; !text.empty() && base::IsDigit(text[0]); unit /= 10) {
      nanos += unit * (text[0] - '0');
      text.remove_prefix(1);
    }
  }
  int32_t offset = 0;
  if (text != "Z") {
    const auto parsed = Offset(text);
    if (!parsed) return std::nullopt;
    offset = *parsed;
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  auto time = TimestampOf(days * 86'400 + *hour * 3600 + *minute * 60 + *second - offset);
  if (time) time->nanos = nanos;
  return time;
}

std::string FormatTimestamp(Timestamp time) {
  const Broken broken = Break(time.seconds);
  std::string out;
  Pad(out, int{broken.date.year()}, 4);
  out += '-';
  Pad(out, unsigned{broken.date.month()}, 2);
  out += '-';
  Pad(out, unsigned{broken.date.day()}, 2);
  out += 'T';
  Pad(out, broken.second_of_day / 3600, 2);
  out += ':';
  Pad(out, broken.second_of_day / 60 % 60, 2);
  out += ':';
  Pad(out, broken.second_of_day % 60, 2);
  if (time.nanos != 0) {
    out += '.';
    Pad(out, time.nanos, 9);
    while (out.back() == '0') out.pop_back();
  }
  return out + 'Z';
}

std::string FormatSeconds(int64_t nanos) {
  const double seconds =
      static_cast<double>(nanos / kNanos) + static_cast<double>(nanos % kNanos) / 1e9;
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, seconds, std::chars_format::fixed);
  return base::StrCat(std::string_view(buffer, static_cast<size_t>(end.ptr - buffer)), 's');
}

std::optional<Timestamp> AddNanos(Timestamp time, int64_t nanos) {
  int64_t seconds = time.seconds + nanos / kNanos;
  int64_t rest = time.nanos + nanos % kNanos;
  if (rest < 0) {
    rest += kNanos;
    --seconds;
  } else if (rest >= kNanos) {
    rest -= kNanos;
    ++seconds;
  }
  auto sum = TimestampOf(seconds);
  if (sum) sum->nanos = static_cast<int32_t>(rest);
  return sum;
}

std::optional<int64_t> NanosBetween(Timestamp a, Timestamp b) {
  int64_t seconds = a.seconds - b.seconds;
  int64_t nanos = a.nanos - b.nanos;
  // Both parts get one sign, so that their sum overflows only when the outcome does.
  if (seconds < 0 && nanos > 0) {
    ++seconds;
    nanos -= kNanos;
  }
  int64_t whole = 0;
  if (__builtin_mul_overflow(seconds, kNanos, &whole)) return std::nullopt;
  if (__builtin_add_overflow(whole, nanos, &whole)) return std::nullopt;
  return whole;
}

std::optional<int32_t> ParseZone(std::string_view zone) {
  if (zone.empty() || zone == "UTC") return 0;
  // A missing plus sign is taken for one.
  if (zone.size() == 5) return Offset(base::StrCat('+', zone));
  return Offset(zone);
}

int64_t PartOf(Function function, Timestamp time, int32_t offset) {
  const Broken broken = Break(time.seconds + offset);
  switch (function) {
    case Function::kGetFullYear:
      return int{broken.date.year()};
    case Function::kGetMonth:
      return int64_t{unsigned{broken.date.month()}} - 1;
    case Function::kGetDate:
      return int64_t{unsigned{broken.date.day()}};
    case Function::kGetDayOfMonth:
      return int64_t{unsigned{broken.date.day()}} - 1;
    case Function::kGetDayOfWeek:
      return std::chrono::weekday(broken.day).c_encoding();
    case Function::kGetDayOfYear:
      return (broken.day - std::chrono::sys_days(broken.date.year() / 1 / 1)).count();
    case Function::kGetHours:
      return broken.second_of_day / 3600;
    case Function::kGetMinutes:
      return broken.second_of_day / 60 % 60;
    case Function::kGetSeconds:
      return broken.second_of_day % 60;
    default:
      return time.nanos / 1'000'000;
  }
}

std::optional<int64_t> PartOf(Function function, int64_t nanos) {
  switch (function) {
    case Function::kGetHours:
      return nanos / (3600 * kNanos);
    case Function::kGetMinutes:
      return nanos / (60 * kNanos);
    case Function::kGetSeconds:
      return nanos / kNanos;
    case Function::kGetMilliseconds:
      return nanos / 1'000'000;
    default:
      return std::nullopt;
  }
}

}  // namespace cel
