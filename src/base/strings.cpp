#include "base/strings.hpp"

#include <cmath>

#include "base/hex.hpp"

namespace base {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && StartsWithIgnoreCase(a, b);
}

bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i) {
    if (LowerChar(text[i]) != LowerChar(prefix[i])) return false;
  }
  return true;
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = LowerChar(c);
  return out;
}

std::string ToUpper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = UpperChar(c);
  return out;
}

std::vector<std::string_view> SplitView(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (std::string_view part : SplitView(text, separator)) out.emplace_back(part);
  return out;
}

std::vector<std::string> SplitTrimmed(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (std::string_view part : SplitView(text, separator)) {
    if (part = Trim(part); !part.empty()) out.emplace_back(part);
  }
  return out;
}

namespace internal {

void AppendAll(std::string& out, std::initializer_list<std::string_view> parts) {
  size_t size = out.size();
  for (std::string_view part : parts) size += part.size();
  // Growing geometrically keeps a loop of appends linear.
  if (size > out.capacity()) out.reserve(std::max(size, out.capacity() * 2));
  for (std::string_view part : parts) out += part;
}

std::string Concat(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  std::string out;
  out.reserve(size);
  for (std::string_view part : parts) out += part;
  return out;
}

}  // namespace internal

std::string Quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += "\\x";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

namespace {

Result<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Fail(Kind::kInvalidArgument,
                    StrCat("invalid URL escape ", Quote(text.substr(i, 3))));
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += c == '+' && plus_is_space ? ' ' : c;
    }
  }
  return out;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

}  // namespace

Result<std::string> PercentDecodePath(std::string_view text) {
  return PercentDecode(text, false);
}
Result<std::string> PercentDecodeQuery(std::string_view text) {
  return PercentDecode(text, true);
}

std::string PercentEncodePathSegment(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (IsUnreserved(c) || std::string_view("$&+=:@").find(c) != std::string_view::npos) {
      out += c;
    } else {
      AppendPercentEncoded(out, c);
    }
  }
  return out;
}

std::string PercentEncodeQuery(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (IsUnreserved(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      AppendPercentEncoded(out, c);
    }
  }
  return out;
}

std::optional<double> ParseDouble(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  auto [ptr, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc() || ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool ParseBoolTruthy(std::string_view text) {
  text = Trim(text);
  for (std::string_view word : {"1", "true", "yes", "y", "t", "on"}) {
    if (EqualsIgnoreCase(text, word)) return true;
  }
  return false;
}

}  // namespace base
