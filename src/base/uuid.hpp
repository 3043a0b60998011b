// Random identifiers (UUID version 4). Any thread.
#pragma once

#include <string>
#include <string_view>

namespace base {

/// A new random UUID in lower case: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".
std::string NewUuid();
/// True for the 36-character form, either case, any version.
bool IsUuid(std::string_view text);

}  // namespace base
