#include "base/duration.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/strings.hpp"

namespace base {
namespace {

struct Unit {
  std::string_view name;
  uint64_t nanoseconds;
};
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"µs", 1'000},
                                      {"μs", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

std::unexpected<Error> Invalid(std::string_view text) {
  return Fail(Kind::kInvalidArgument,
              StrCat("invalid duration ", Quote(text), ": write it like 1h30m, 5s or 300ms"));
}

// Digits from the front of `text` as a number of at most `limit`; sets `count` to how many.
std::optional<uint64_t> TakeDigits(std::string_view& text, size_t& count, bool& overflow) {
  uint64_t value = 0;
  count = 0;
  while (!text.empty() && IsDigit(text.front())) {
    if (value > (uint64_t{1} << 63) / 10) overflow = true;
    if (!overflow) value = value * 10 + static_cast<uint64_t>(text.front() - '0');
    text.remove_prefix(1);
    ++count;
  }
  return value;
}

}  // namespace

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  const std::string_view whole = text;
  constexpr uint64_t kMax = uint64_t{1} << 63;
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return Invalid(whole);
  uint64_t total = 0;
  while (!text.empty()) {
    size_t before = 0, after = 0;
    bool overflow = false;
    const uint64_t integer = *TakeDigits(text, before, overflow);
    if (overflow) return Invalid(whole);
    uint64_t fraction = 0;
    double scale = 1;
    if (!text.empty() && text.front() == '.') {
      text.remove_prefix(1);
      // Digits that no longer fit cannot change a nanosecond and are dropped.
      for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1), ++after) {
        if (fraction > (kMax - 10) / 10) continue;
        fraction = fraction * 10 + static_cast<uint64_t>(text.front() - '0');
        scale *= 10;
      }
    }
    if (before == 0 && after == 0) return Invalid(whole);
    size_t length = 0;
    while (length < text.size() && text[length] != '.' && !IsDigit(text[length])) ++length;
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return Invalid(whole);
    if (integer > kMax / unit->nanoseconds) return Invalid(whole);
    uint64_t part = integer * unit->nanoseconds;
    if (fraction > 0) {
      part += static_cast<uint64_t>(static_cast<double>(fraction) *
                                    (static_cast<double>(unit->nanoseconds) / scale));
    }
    if (part > kMax || total > kMax - part) return Invalid(whole);
    total += part;
  }
  if (negative) return std::chrono::nanoseconds(static_cast<int64_t>(-total));
  if (total > kMax - 1) return Invalid(whole);
  return std::chrono::nanoseconds(static_cast<int64_t>(total));
}

Result<std::chrono::nanoseconds> ParseDurationOrMillis(std::string_view text) {
  if (auto millis = ParseInt<int64_t>(text)) {
    constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / 1'000'000;
    if (*millis > kLimit || *millis < -kLimit) return Invalid(text);
    return std::chrono::nanoseconds(*millis * 1'000'000);
  }
  return ParseDuration(text);
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  const int64_t signed_value = duration.count();
  if (signed_value == 0) return "0s";
  const bool negative = signed_value < 0;
  // Negating in unsigned arithmetic keeps the smallest value representable.
  const uint64_t value =
      negative ? -static_cast<uint64_t>(signed_value) : static_cast<uint64_t>(signed_value);
  auto decimal = [](uint64_t number, uint64_t unit) {
    std::string out = std::to_string(number / unit);
    uint64_t rest = number % unit;
    if (rest == 0) return out;
    out += '.';
    for (uint64_t digit = unit / 10; rest > 0; digit /= 10) {
      out += static_cast<char>('0' + rest / digit);
      rest %= digit;
    }
    return out;
  };
  std::string out = negative ? "-" : "";
  if (value < 1'000) return StrCat(out, value, "ns");
  if (value < 1'000'000) return StrCat(out, decimal(value, 1'000), "µs");
  if (value < 1'000'000'000) return StrCat(out, decimal(value, 1'000'000), "ms");
  const uint64_t hours = value / 3'600'000'000'000;
  const uint64_t minutes = value / 60'000'000'000 % 60;
  if (hours > 0) StrAppend(out, hours, "h");
  if (hours > 0 || minutes > 0) StrAppend(out, minutes, "m");
  return StrCat(out, decimal(value % 60'000'000'000, 1'000'000'000), "s");
}

}  // namespace base
