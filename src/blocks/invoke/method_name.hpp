// The method of an invocation as access rules see it: what the app will take it for.
//
// A caller writes a path in many ways: "a/../op", "//op", "%6Fp". Rules must judge the one that the
// app acts upon, so here they get the path without escapes, dots and empty segments; and where
// that changes how the path falls into segments, the app must be sent the same. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blocks::invoke {

struct MethodName {
  std::string shown;    // cleaned, escapes as sent: for texts
  std::string matched;  // cleaned, without escapes: for rules; without the slash in front, if any
  /// What to send the app in place of the method; empty when the method may go on as it is.
  std::optional<std::string> rewritten;
};

/// `method` as the caller sent it, without query. `http`: the app speaks HTTP and so will undo
/// escapes. kInvalidArgument when it has a character that no method may have.
base::Result<MethodName> NormalizeMethod(std::string_view method, bool http);

/// A path without dot segments, empty segments and slash at its end; dots do not lead above its
/// beginning. A slash in front stays.
std::string CleanPath(std::string_view path);

}  // namespace blocks::invoke
