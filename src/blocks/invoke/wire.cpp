#include "blocks/invoke/wire.hpp"

namespace blocks::invoke::wire {

bool Reader::ReadVarint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (rest_.empty()) return false;
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool Reader::Next() {
  if (!ok_ || rest_.empty()) return false;
  uint64_t tag = 0;
  if (!ReadVarint(tag) || tag > UINT32_MAX || (tag >> 3) == 0) return Bad();
  field_ = static_cast<uint32_t>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  switch (type_) {
    case Type::kVarint:
      return ReadVarint(number_) || Bad();
    case Type::kBytes: {
      uint64_t size = 0;
      if (!ReadVarint(size) || size > rest_.size()) return Bad();
      bytes_ = rest_.substr(0, static_cast<std::size_t>(size));
      rest_.remove_prefix(bytes_.size());
      return true;
    }
    case Type::kFixed64:
    case Type::kFixed32: {
      const std::size_t size = type_ == Type::kFixed64 ? 8 : 4;
      if (rest_.size() < size) return Bad();
      rest_.remove_prefix(size);
      return true;
    }
  }
  return Bad();  // groups do not occur in proto3
}

}  // namespace blocks::invoke::wire
