// A Lua script of ours: its text, and the digest under which a server keeps it once it has seen it.
// Scripts are constants of the program.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace components::redis {

namespace internal {

/// SHA-1 in lower-case hexadecimal: how EVALSHA names a script. Not for secrets.
constexpr std::array<char, 40> Sha1Hex(std::string_view text) {
  std::array<uint32_t, 5> h{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const auto rotate = [](uint32_t x, int by) { return x << by | x >> (32 - by); };
  const std::size_t blocks = (text.size() + 8) / 64 + 1;
  const uint64_t bits = text.size() * 8;
  const auto byte_at = [&](std::size_t i) -> uint32_t {
    if (i < text.size()) return static_cast<unsigned char>(text[i]);
    if (i == text.size()) return 0x80;
    const std::size_t from_end = blocks * 64 - 1 - i;
    return from_end < 8 ? static_cast<uint32_t>(bits >> from_end * 8 & 0xff) : 0;
  };
  for (std::size_t block = 0; block < blocks; ++block) {
    std::array<uint32_t, 80> w{};
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t at = block * 64 + i * 4;
      w[i] = byte_at(at) << 24 | byte_at(at + 1) << 16 | byte_at(at + 2) << 8 | byte_at(at + 3);
    }
    for (std::size_t i = 16; i < 80; ++i) {
      w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = h;
    for (std::size_t i = 0; i < 80; ++i) {
      const uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                  : (b ^ c ^ d) + 0xca62c1d6;
      const uint32_t next = rotate(a, 5) + f + e + w[i];
      e = d;
      d = c;
      c = rotate(b, 30);
      b = a;
      a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
  }
  std::array<char, 40> hex{};
  for (std::size_t i = 0; i < 40; ++i) {
    hex[i] = "0123456789abcdef"[h[i / 8] >> (28 - i % 8 * 4) & 15];
  }
  return hex;
}

}  // namespace internal

class Script {
 public:
  /// `text` must be a constant.
  explicit constexpr Script(std::string_view text) : text_(text), sha_(internal::Sha1Hex(text)) {}

  constexpr std::string_view text() const { return text_; }
  constexpr std::string_view sha() const { return {sha_.data(), sha_.size()}; }

 private:
  std::string_view text_;
  std::array<char, 40> sha_;
};

}  // namespace components::redis
