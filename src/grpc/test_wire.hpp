// Writing wire format by hand, for tests that need bytes which no generated message writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace grpc::test {

inline std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}
inline std::string Number(uint32_t field, uint64_t value) {
  return Varint(field << 3) + Varint(value);
}
inline std::string Bytes(uint32_t field, std::string_view bytes) {
  return Varint(field << 3 | 2) + Varint(bytes.size()) + std::string(bytes);
}
inline std::string Fixed(uint32_t field, std::size_t size, uint64_t value) {
  std::string out = Varint(field << 3 | (size == 8 ? 1 : 5));
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

}  // namespace grpc::test
