// The few pieces of protobuf's wire format that invocation needs. Messages between runtimes are
// read and written in place, because building objects for them would cost more than all the rest of
// a call. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace blocks::invoke::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr std::size_t VarintSize(uint64_t value) {
  return static_cast<std::size_t>(std::bit_width(value | 1) + 6) / 7;
}

inline void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

constexpr char Tag(int field, Type type) {
  return static_cast<char>((field << 3) | static_cast<int>(type));
}

/// Fields below have numbers from 1 to 15, so a tag is one byte.
inline void AppendBytes(std::string& out, int field, std::string_view bytes) {
  out += Tag(field, Type::kBytes);
  AppendVarint(out, bytes.size());
  out += bytes;
}
inline void AppendNumber(std::string& out, int field, uint64_t value) {
  out += Tag(field, Type::kVarint);
  AppendVarint(out, value);
}
constexpr std::size_t BytesSize(std::size_t bytes) {
  return 1 + VarintSize(bytes) + bytes;
}

/// Length prefixes of a fixed four bytes (padded varints, which every decoder takes) are written
/// before the size of what follows is known.
inline constexpr std::size_t kPaddedSize = 4;
inline constexpr std::size_t kPaddedLimit = (std::size_t{1} << 28) - 1;
inline void PutPadded(char* at, std::size_t value) {
  at[0] = static_cast<char>((value & 0x7f) | 0x80);
  at[1] = static_cast<char>(((value >> 7) & 0x7f) | 0x80);
  at[2] = static_cast<char>(((value >> 14) & 0x7f) | 0x80);
  at[3] = static_cast<char>((value >> 21) & 0x7f);
}

/// Opens a length-delimited field; Close fills the length in.
inline std::size_t Open(std::string& out, int field) {
  out += Tag(field, Type::kBytes);
  out.append(kPaddedSize, '\0');
  return out.size();
}
inline void Close(std::string& out, std::size_t start) {
  PutPadded(out.data() + start - kPaddedSize, out.size() - start);
}

/// Walks over the fields of a message. Stops at the first malformed one.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  /// Goes to the next field; false at the end or on bad input (then ok() is false).
  bool Next();
  uint32_t field() const { return field_; }
  Type type() const { return type_; }
  bool Is(uint32_t field, Type type) const { return field_ == field && type_ == type; }
  /// Of a varint field.
  uint64_t number() const { return number_; }
  /// Of a length-delimited field; a view into the message.
  std::string_view bytes() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  bool ReadVarint(uint64_t& value);
  bool Bad() {
    ok_ = false;
    return false;
  }
  std::string_view rest_;
  std::string_view bytes_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  bool ok_ = true;
};

}  // namespace blocks::invoke::wire
