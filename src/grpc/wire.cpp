#include "grpc/wire.hpp"

namespace grpc::wire {

bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (bytes.empty()) return false;
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool TakeFixed(std::string_view& bytes, std::size_t size, uint64_t& value) {
  if (bytes.size() < size) return false;
  value = 0;
  for (std::size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  bytes.remove_prefix(size);
  return true;
}

bool Reader::Next() {
  if (!ok_ || rest_.empty()) return false;
  uint64_t tag = 0;
  ok_ = TakeVarint(rest_, tag) && tag <= UINT32_MAX && (tag >> 3) != 0;
  if (!ok_) return false;
  field_ = static_cast<uint32_t>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  switch (type_) {
    case Type::kVarint:
      ok_ = TakeVarint(rest_, number_);
      break;
    case Type::kFixed64:
      ok_ = TakeFixed(rest_, 8, number_);
      break;
    case Type::kFixed32:
      ok_ = TakeFixed(rest_, 4, number_);
      break;
    case Type::kBytes: {
      uint64_t size = 0;
      ok_ = TakeVarint(rest_, size) && size <= rest_.size();
      if (!ok_) break;
      bytes_ = rest_.substr(0, static_cast<std::size_t>(size));
      rest_.remove_prefix(bytes_.size());
      break;
    }
    default:
      ok_ = false;
  }
  return ok_;
}

}  // namespace grpc::wire
