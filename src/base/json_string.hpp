// String literals of JSON: decoding their escapes and writing them as Go does. Private to
// base/go_json*.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_scan.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace base::internal {

inline constexpr char kJsonHex[] = "0123456789abcdef";

inline void AppendUnicodeEscape(std::string& out, uint32_t rune) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kJsonHex[rune >> shift & 15];
}

inline void AppendAsciiEscape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      AppendUnicodeEscape(out, static_cast<uint8_t>(c));
  }
}

// Appends one decoded character in the form it has inside an encoded string.
inline void AppendEncodedRune(std::string& out, uint32_t rune, bool escape_html) {
  if (rune < 0x80) {
    const char c = static_cast<char>(rune);
    const uint8_t what = kStringTable.of[rune];
    if (what == kPlain || (what == kHtml && !escape_html)) {
      out += c;
    } else {
      AppendAsciiEscape(out, c);
    }
  } else if (rune == 0x2028 || rune == 0x2029) {
    AppendUnicodeEscape(out, rune);
  } else {
    AppendUtf8(out, rune);
  }
}

inline uint32_t Hex4(const char* p) {
  return static_cast<uint32_t>(HexValue(p[0]) << 12 | HexValue(p[1]) << 8 | HexValue(p[2]) << 4 |
                               HexValue(p[3]));
}

// The character of the escape that starts at raw[i], which is a backslash; moves i past it. The
// text has been checked. A surrogate without its partner is U+FFFD.
inline uint32_t DecodeEscape(std::string_view raw, size_t& i) {
  const char c = raw[i + 1];
  i += 2;
  switch (c) {
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
    case 'u':
      break;
    default:
      return static_cast<uint8_t>(c);
  }
  const uint32_t rune = Hex4(raw.data() + i);
  i += 4;
  if (rune < 0xd800 || rune > 0xdfff) return rune;
  if (rune <= 0xdbff && raw.substr(i).starts_with("\\u")) {
    const uint32_t low = Hex4(raw.data() + i + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
      i += 6;
      return 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return kReplacementRune;
}

// Calls `plain(view)` for runs that need nothing and `rune(uint32_t)` for each other character.
template <class Plain, class Rune>
void WalkString(std::string_view raw, Plain plain, Rune rune) {
  size_t i = 0;
  while (i < raw.size()) {
    const size_t start = i;
    while (i < raw.size() && kStringTable.of[static_cast<uint8_t>(raw[i])] == kPlain) ++i;
    if (i > start) plain(raw.substr(start, i - start));
    if (i == raw.size()) return;
    if (raw[i] == '\\') {
      rune(DecodeEscape(raw, i));
    } else if (static_cast<uint8_t>(raw[i]) < 0x80) {
      rune(static_cast<uint8_t>(raw[i++]));
    } else {
      rune(DecodeUtf8(raw, i).rune);
    }
  }
}

}  // namespace base::internal
