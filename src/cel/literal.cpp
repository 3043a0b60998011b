#include "cel/literal.hpp"

#include <charconv>
#include <limits>

#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace cel {
namespace {

std::optional<uint64_t> ReadMagnitude(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, hex ? 16 : 10);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Reads `count` digits of a base at text[i] and moves i past them.
std::optional<uint32_t> ReadDigits(std::string_view text, size_t& i, size_t count, int base) {
  if (i + count > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (size_t k = 0; k < count; ++k) {
    const int digit = base::HexValue(text[i + k]);
    if (digit < 0 || digit >= base) return std::nullopt;
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
  }
  i += count;
  return value;
}

std::optional<char> ReadSimpleEscape(char c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
    case '?':
    case '"':
    case '\'':
    case '`':
      return c;
    default:
      return std::nullopt;
  }
}

// Resolves the escape whose backslash is text[i]; moves i past it. False when there is no such
// escape.
bool AppendEscape(std::string& out, std::string_view text, size_t& i, bool bytes) {
  if (++i >= text.size()) return false;
  const char c = text[i];
  if (const auto simple = ReadSimpleEscape(c)) {
    out += *simple;
    ++i;
    return true;
  }
  std::optional<uint32_t> number;
  if (base::LowerChar(c) == 'x') {
    number = ReadDigits(text, ++i, 2, 16);
  } else if (c >= '0' && c <= '3') {
    number = ReadDigits(text, i, 3, 8);
  } else if (!bytes && (c == 'u' || c == 'U')) {
    number = ReadDigits(text, ++i, c == 'u' ? 4 : 8, 16);
  }
  if (!number || *number > 0x10ffff || (*number >= 0xd800 && *number <= 0xdfff)) return false;
  if (bytes) {
    out += static_cast<char>(*number);
  } else {
    base::AppendUtf8(out, *number);
  }
  return true;
}

}  // namespace

std::optional<Value> ReadInt(std::string_view text, bool negative) {
  const auto magnitude = ReadMagnitude(text);
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (!magnitude || *magnitude > kMax + (negative ? 1 : 0)) return std::nullopt;
  return Value::Int(static_cast<int64_t>(negative ? -*magnitude : *magnitude));
}

std::optional<Value> ReadUint(std::string_view text) {
  const auto magnitude = ReadMagnitude(text.substr(0, text.size() - 1));
  if (!magnitude) return std::nullopt;
  return Value::Uint(*magnitude);
}

std::optional<Value> ReadDouble(std::string_view text, bool negative) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return Value::Double(negative ? -value : value);
}

std::optional<std::string> ReadText(std::string_view text, size_t& wrong) {
  bool raw = false, bytes = false;
  size_t start = 0;
  for (; text[start] != '"' && text[start] != '\''; ++start) {
    raw = raw || base::LowerChar(text[start]) == 'r';
    bytes = bytes || base::LowerChar(text[start]) == 'b';
  }
  const size_t rest = text.size() - start;
  const bool triple = rest >= 6 && text[start + 1] == text[start] && text[start + 2] == text[start];
  const size_t quotes = triple ? 3 : 1;
  const std::string_view content = text.substr(0, text.size() - quotes);
  std::string out;
  for (size_t i = start + quotes; i < content.size();) {
    if (content[i] == '\\' && !raw) {
      wrong = i;
      if (!AppendEscape(out, content, i, bytes)) return std::nullopt;
    } else if (content[i] == '\r') {
      // Line ends are \n whatever the file's are.
      out += '\n';
      i += content.substr(i).starts_with("\r\n") ? 2 : 1;
    } else {
      out += content[i++];
    }
  }
  return out;
}

}  // namespace cel
