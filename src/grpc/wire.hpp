// Reading protobuf's wire format without generated classes: what descriptors.hpp and proto_json.hpp
// stand on. Input is hostile; a reader never looks outside the bytes it was given. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace grpc::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Takes a varint, or a little-endian integer of `size` (4 or 8) bytes, from the front of `bytes`.
/// False if there is none; `bytes` is then unspecified.
bool TakeVarint(std::string_view& bytes, uint64_t& value);
bool TakeFixed(std::string_view& bytes, std::size_t size, uint64_t& value);

/// Walks over the fields of a message. Stops at the first malformed one. Groups, which proto3 does
/// not have, are malformed.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  /// Goes to the next field; false at the end or on bad input (then ok() is false).
  bool Next();
  uint32_t field() const { return field_; }
  Type type() const { return type_; }
  bool Is(uint32_t field, Type type) const { return field_ == field && type_ == type; }
  /// Of a varint or fixed-size field.
  uint64_t number() const { return number_; }
  /// Of a length-delimited field; a view into the message.
  std::string_view bytes() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  std::string_view bytes_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  bool ok_ = true;
};

}  // namespace grpc::wire
