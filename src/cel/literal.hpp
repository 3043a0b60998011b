// What the text of a literal token stands for. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cel/value.hpp"

namespace cel {

/// A kInt, kUint or kDouble token's number; none when it is out of range.
std::optional<Value> ReadInt(std::string_view text, bool negative);
std::optional<Value> ReadUint(std::string_view text);
std::optional<Value> ReadDouble(std::string_view text, bool negative);

/// The content of a kString or kBytes token, escapes resolved. In strings \x41 and \101 are
/// characters, in bytes they are bytes. None when an escape is wrong; `wrong` is then its place in
/// `text`.
std::optional<std::string> ReadText(std::string_view text, size_t& wrong);

}  // namespace cel
