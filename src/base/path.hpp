// Slash-separated paths: of URLs, of methods of an app, of access rules. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace base {

/// The shortest path of the same meaning: no empty and no "." segments, ".." resolved with the
/// segment before it and dropped at the root. "" gives ".". A relative path keeps leading "..".
std::string CleanPath(std::string_view path);

/// The form in which a method name is compared with access rules and sent to an app: cleaned, a
/// leading slash kept, a trailing one cut, never leading out of the root, "" stays "". Escapes are
/// not decoded. Fails with kInvalidArgument on '#', '?', NUL and other control characters.
Result<std::string> NormalizeMethod(std::string_view method);

}  // namespace base
