// Appends fields of a gRPC message. As in proto3, empty texts and zeros are left out. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace control::wire {

void AddText(std::string& out, unsigned field, std::string_view text);
/// A message or an entry of a list: there even if it is empty.
void AddBytes(std::string& out, unsigned field, std::string_view bytes);
void AddNumber(std::string& out, unsigned field, uint64_t number);
/// An optional number, or one of a oneof: there even if it is zero.
void AddPresent(std::string& out, unsigned field, uint64_t number);

}  // namespace control::wire
