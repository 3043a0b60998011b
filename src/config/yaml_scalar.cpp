#include "config/yaml_scalar.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace config {
namespace {

template <size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                 "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                  "False", "FALSE", "off", "Off", "OFF"};

// An integer in Go's base-0 notation: 0x, 0o, 0b prefixes and a leading zero for octal.
bool ParseInteger(std::string_view text, Scalar& out) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int radix = 10;
  if (text.size() > 1 && text.front() == '0') {
    switch (base::LowerChar(text[1])) {
      case 'x':
        radix = 16;
        break;
      case 'o':
        radix = 8;
        break;
      case 'b':
        radix = 2;
        break;
      default:
        radix = 0;
    }
    text.remove_prefix(radix == 0 ? 1 : 2);
    if (radix == 0) radix = 8;
  }
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, value, radix);
  if (text.empty() || ec != std::errc() || ptr != end) return false;
  constexpr uint64_t kSmallest = uint64_t{1} << 63;
  if (negative) {
    if (value > kSmallest) return false;
    out.type = ScalarType::kInt;
    out.integer = static_cast<int64_t>(-value);
  } else if (value < kSmallest) {
    out.type = ScalarType::kInt;
    out.integer = static_cast<int64_t>(value);
  } else {
    out.type = ScalarType::kUint;
    out.unsigned_integer = value;
  }
  return true;
}

bool ParseFloat(std::string_view text, Scalar& out) {
  std::string_view rest = text;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) rest.remove_prefix(1);
  if (rest.empty() || (!base::IsDigit(rest.front()) && rest.front() != '.')) return false;
  const std::string_view unsigned_text = rest;
  if (base::EqualsIgnoreCase(unsigned_text, ".inf") || text == ".nan" || text == ".NaN" ||
      text == ".NAN") {
    out.type = ScalarType::kFloat;
    out.number = unsigned_text.size() == 4 && base::LowerChar(unsigned_text[1]) == 'i'
                     ? (text.front() == '-' ? -INFINITY : INFINITY)
                     : NAN;
    return true;
  }
  double value = 0;
  const char* end = unsigned_text.data() + unsigned_text.size();
  const auto [ptr, ec] = std::from_chars(unsigned_text.data(), end, value);
  if (ec != std::errc() || ptr != end) return false;
  out.type = ScalarType::kFloat;
  out.number = text.front() == '-' ? -value : value;
  return true;
}

}  // namespace

Scalar ClassifyScalar(std::string_view text, bool plain) {
  Scalar scalar;
  if (!plain) return scalar;
  if (OneOf(text, kNull)) {
    scalar.type = ScalarType::kNull;
  } else if (OneOf(text, kTrue) || OneOf(text, kFalse)) {
    scalar.type = ScalarType::kBool;
    scalar.boolean = OneOf(text, kTrue);
  } else if (base::IsDigit(text.front()) || text.front() == '.' || text.front() == '-' ||
             text.front() == '+') {
    std::string digits(text);
    std::erase(digits, '_');
    if (!ParseInteger(digits, scalar)) ParseFloat(digits, scalar);
  }
  return scalar;
}

std::string ScalarText(std::string_view text, const Scalar& scalar) {
  switch (scalar.type) {
    case ScalarType::kNull:
      return "";
    case ScalarType::kBool:
      return scalar.boolean ? "true" : "false";
    case ScalarType::kInt:
      return std::to_string(scalar.integer);
    case ScalarType::kUint:
      return std::to_string(scalar.unsigned_integer);
    case ScalarType::kFloat: {
      if (!std::isfinite(scalar.number)) return std::string(text);
      std::string out;
      base::AppendGoFloat(out, scalar.number);
      return out;
    }
    case ScalarType::kString:
      break;
  }
  return std::string(text);
}

std::string ScalarJson(std::string_view text, const Scalar& scalar) {
  if (scalar.type == ScalarType::kNull) return "null";
  const bool quoted = scalar.type == ScalarType::kString ||
                      (scalar.type == ScalarType::kFloat && !std::isfinite(scalar.number));
  if (!quoted) return ScalarText(text, scalar);
  std::string out;
  base::AppendJsonString(out, text);
  return out;
}

}  // namespace config
