#include "components/postgres/query.hpp"

namespace components::postgres {

ArrayWriter::ArrayWriter(ElementType type, std::size_t count) {
  AppendInt32(count == 0 ? 0 : 1);  // dimensions
  AppendInt32(1);                   // there may be nulls
  AppendInt32(static_cast<uint32_t>(type));
  if (count == 0) return;
  AppendInt32(static_cast<uint32_t>(count));
  AppendInt32(1);  // the first index
}

void ArrayWriter::AppendInt32(uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out_ += static_cast<char>(value >> shift & 0xff);
}

void ArrayWriter::Add(std::string_view element) {
  AppendInt32(static_cast<uint32_t>(element.size()));
  out_ += element;
}

void ArrayWriter::AddInt8(int64_t element) {
  AppendInt32(8);
  AppendInt32(static_cast<uint32_t>(static_cast<uint64_t>(element) >> 32));
  AppendInt32(static_cast<uint32_t>(element & 0xffffffff));
}

void ArrayWriter::AddNull() {
  AppendInt32(0xffffffff);
}

}  // namespace components::postgres
