// Character classes of HTTP/1.1 (private to http/).
#pragma once

#include <array>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace http {

enum CharClass : unsigned char {
  kTokenChar = 1,   // field names and methods
  kTargetChar = 2,  // request targets: visible ASCII
  kHostChar = 4,    // Host values
};

consteval std::array<unsigned char, 256> MakeCharTable() {
  std::array<unsigned char, 256> table{};
  const auto add = [&table](std::string_view chars, unsigned char bits) {
    for (char c : chars) table[static_cast<unsigned char>(c)] |= bits;
  };
  const std::string_view alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(alnum, kTokenChar | kHostChar);
  add("!#$%&'*+-.^_`|~", kTokenChar);
  add("!$%&'()*+,-.:;=[]_~", kHostChar);
  for (int c = 0x21; c < 0x7f; ++c) table[static_cast<std::size_t>(c)] |= kTargetChar;
  return table;
}
inline constexpr std::array<unsigned char, 256> kCharTable = MakeCharTable();

inline bool IsChar(char c, CharClass what) {
  return (kCharTable[static_cast<unsigned char>(c)] & what) != 0;
}
inline bool AllChars(std::string_view text, CharClass what) {
  for (char c : text) {
    if (!IsChar(c, what)) return false;
  }
  return true;
}

/// The first control character other than a tab (so also the line's end), or `end`.
inline const char* FindControl(const char* at, const char* end) {
  const auto control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  };
#ifdef __SSE2__
  const __m128i low = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i tab = _mm_set1_epi8('\t');
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, low), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), below),
                                     _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
#endif
  while (at != end && !control(*at)) ++at;
  return at;
}

}  // namespace http
