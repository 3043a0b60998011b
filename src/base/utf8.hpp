// UTF-8, decoded as Go does it: each byte that starts no valid character is one error of width one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

inline constexpr uint32_t kReplacementRune = 0xfffd;

struct Rune {
  uint32_t rune;  // kReplacementRune when not valid
  bool valid;
};

/// The character at text[i], which must exist; moves i past it, by one byte when it is not valid.
/// Overlong forms, surrogates and values past U+10FFFF are not valid.
inline Rune DecodeUtf8(std::string_view text, size_t& i) {
  const auto byte = [&](size_t k) -> uint32_t {
    return k < text.size() ? static_cast<uint8_t>(text[k]) : 0;
  };
  const auto tail = [&](size_t k) { return (byte(k) & 0xc0) == 0x80; };
  const uint32_t first = byte(i);
  if (first < 0x80) {
    ++i;
    return {first, true};
  }
  if (first >= 0xc2 && first <= 0xdf && tail(i + 1)) {
    const uint32_t rune = (first & 0x1f) << 6 | (byte(i + 1) & 0x3f);
    i += 2;
    return {rune, true};
  }
  if (first >= 0xe0 && first <= 0xef && tail(i + 1) && tail(i + 2)) {
    const uint32_t rune = (first & 0x0f) << 12 | (byte(i + 1) & 0x3f) << 6 | (byte(i + 2) & 0x3f);
    if (rune >= 0x800 && (rune < 0xd800 || rune > 0xdfff)) {
      i += 3;
      return {rune, true};
    }
  }
  if (first >= 0xf0 && first <= 0xf4 && tail(i + 1) && tail(i + 2) && tail(i + 3)) {
    const uint32_t rune = (first & 0x07) << 18 | (byte(i + 1) & 0x3f) << 12 |
                          (byte(i + 2) & 0x3f) << 6 | (byte(i + 3) & 0x3f);
    if (rune >= 0x10000 && rune <= 0x10ffff) {
      i += 4;
      return {rune, true};
    }
  }
  ++i;
  return {kReplacementRune, false};
}

/// Appends a character. `rune` must be a valid one.
inline void AppendUtf8(std::string& out, uint32_t rune) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | rune >> 6);
    put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | rune >> 12);
    put(0x80 | (rune >> 6 & 0x3f));
    put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | rune >> 18);
    put(0x80 | (rune >> 12 & 0x3f));
    put(0x80 | (rune >> 6 & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

inline bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (!DecodeUtf8(text, i).valid) return false;
  }
  return true;
}

}  // namespace base
