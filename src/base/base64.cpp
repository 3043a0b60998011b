#include "base/base64.hpp"

#include <array>
#include <cstdint>

namespace base {
namespace {

constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> Inverse(const char* alphabet) {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 64; ++i) table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  return table;
}
constexpr auto kStandardInverse = Inverse(kStandard);
constexpr auto kUrlInverse = Inverse(kUrl);

std::string Encode(std::string_view bytes, const char* alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  auto at = [&](size_t k) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[k])); };
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t v = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += alphabet[v >> 18];
    out += alphabet[v >> 12 & 63];
    out += alphabet[v >> 6 & 63];
    out += alphabet[v & 63];
  }
  const size_t rest = bytes.size() - i;
  if (rest == 0) return out;
  const uint32_t v = at(i) << 16 | (rest == 2 ? at(i + 1) << 8 : 0);
  out += alphabet[v >> 18];
  out += alphabet[v >> 12 & 63];
  if (rest == 2) out += alphabet[v >> 6 & 63];
  if (pad) out.append(3 - rest, '=');
  return out;
}

std::optional<std::string> Decode(std::string_view text, const std::array<int8_t, 256>& inverse,
                                  bool padded) {
  if (padded) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with("==")) {
      text.remove_suffix(2);
    } else if (text.ends_with('=')) {
      text.remove_suffix(1);
    } else if (text.size() % 4 != 0) {
      return std::nullopt;
    }
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = inverse[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  if (bits & ((1u << count) - 1)) return std::nullopt;
  return out;
}

}  // namespace

std::string Base64Encode(std::string_view bytes) {
  return Encode(bytes, kStandard, true);
}
std::string Base64EncodeRaw(std::string_view bytes) {
  return Encode(bytes, kStandard, false);
}
std::string Base64UrlEncode(std::string_view bytes) {
  return Encode(bytes, kUrl, true);
}
std::string Base64UrlEncodeRaw(std::string_view bytes) {
  return Encode(bytes, kUrl, false);
}

std::optional<std::string> Base64Decode(std::string_view text) {
  return Decode(text, kStandardInverse, true);
}
std::optional<std::string> Base64DecodeRaw(std::string_view text) {
  return Decode(text, kStandardInverse, false);
}
std::optional<std::string> Base64UrlDecode(std::string_view text) {
  return Decode(text, kUrlInverse, true);
}
std::optional<std::string> Base64UrlDecodeRaw(std::string_view text) {
  return Decode(text, kUrlInverse, false);
}

}  // namespace base
