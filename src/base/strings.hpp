// Small text helpers that every folder uses. ASCII only: letters outside a-z and A-Z are never
// folded. All functions are pure; any thread.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.hpp"

namespace base {

constexpr char LowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char UpperChar(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
/// The value of a hexadecimal digit, or -1.
constexpr int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `text` without white space at both ends; a view into `text`.
std::string_view Trim(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);
std::string ToLower(std::string_view text);
std::string ToUpper(std::string_view text);

/// Fields between separators, empty ones included: "a,,b" has three, "" has one.
std::vector<std::string_view> SplitView(std::string_view text, char separator);
std::vector<std::string> Split(std::string_view text, char separator);
/// Fields trimmed, empty ones left out: " a, ,b" gives {"a", "b"}.
std::vector<std::string> SplitTrimmed(std::string_view text, char separator);

template <class Range>
std::string Join(const Range& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) out += separator;
    first = false;
    out += std::string_view(part);
  }
  return out;
}

namespace internal {
// One argument of StrCat: a view of text, or of digits kept in its own buffer.
class Piece {
 public:
  Piece(std::string_view text) : view_(text) {}          // NOLINT
  Piece(const std::string& text) : view_(text) {}        // NOLINT
  Piece(const char* text) : view_(text) {}               // NOLINT
  Piece(char c) : view_(buffer_, 1) { buffer_[0] = c; }  // NOLINT
  Piece(bool b) : view_(b ? "true" : "false") {}         // NOLINT
  template <std::integral T>
    requires(!std::same_as<T, char> && !std::same_as<T, bool>)
  Piece(T value)  // NOLINT
      : view_(buffer_, std::to_chars(buffer_, buffer_ + sizeof buffer_, value).ptr - buffer_) {}
  Piece(double value)  // NOLINT
      : view_(buffer_, std::to_chars(buffer_, buffer_ + sizeof buffer_, value).ptr - buffer_) {}
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  std::string_view view() const { return view_; }

 private:
  char buffer_[32];
  std::string_view view_;
};
std::string Concat(std::initializer_list<std::string_view> parts);
void AppendAll(std::string& out, std::initializer_list<std::string_view> parts);
}  // namespace internal

/// The arguments (texts, characters, integers, doubles, bools) as one string, allocated once.
template <class... Args>
std::string StrCat(const Args&... args) {
  return internal::Concat({internal::Piece(args).view()...});
}
template <class... Args>
void StrAppend(std::string& out, const Args&... args) {
  internal::AppendAll(out, {internal::Piece(args).view()...});
}

/// `text` in double quotes with quotes, backslashes and unprintable bytes escaped, for messages.
std::string Quote(std::string_view text);

/// Undoes %XX escapes of a URL path; `+` stays. Fails on a `%` without two hexadecimal digits.
Result<std::string> PercentDecodePath(std::string_view text);
/// The same for a query component, where `+` is a space.
Result<std::string> PercentDecodeQuery(std::string_view text);
/// Escapes everything but unreserved characters and those that a path segment may hold
/// ("$&+=:@"), so that the result is one segment.
std::string PercentEncodePathSegment(std::string_view text);
/// Escapes everything but unreserved characters; a space becomes `+`.
std::string PercentEncodeQuery(std::string_view text);

/// The whole text as a decimal integer with optional sign; none on anything else or on overflow.
template <std::signed_integral T = int64_t>
std::optional<T> ParseInt(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const char* end = text.data() + text.size();
  auto [ptr, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc() || ptr != end) return std::nullopt;
  return value;
}
template <std::unsigned_integral T = uint64_t>
std::optional<T> ParseUint(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  auto [ptr, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc() || ptr != end) return std::nullopt;
  return value;
}
/// The whole text as a finite decimal number.
std::optional<double> ParseDouble(std::string_view text);

/// Dapr's notion of true: 1, true, yes, y, t, on in any case, white space around it ignored.
bool ParseBoolTruthy(std::string_view text);

}  // namespace base
