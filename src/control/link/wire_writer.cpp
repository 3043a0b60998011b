#include "control/link/wire_writer.hpp"

#include "grpc/wire.hpp"

namespace control::wire {
namespace {

void AddVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

}  // namespace

void AddBytes(std::string& out, unsigned field, std::string_view bytes) {
  AddVarint(out, field << 3 | static_cast<unsigned>(grpc::wire::Type::kBytes));
  AddVarint(out, bytes.size());
  out += bytes;
}

void AddText(std::string& out, unsigned field, std::string_view text) {
  if (!text.empty()) AddBytes(out, field, text);
}

void AddPresent(std::string& out, unsigned field, uint64_t number) {
  AddVarint(out, field << 3 | static_cast<unsigned>(grpc::wire::Type::kVarint));
  AddVarint(out, number);
}

void AddNumber(std::string& out, unsigned field, uint64_t number) {
  if (number != 0) AddPresent(out, field, number);
}

}  // namespace control::wire
