// The text Go's fmt prints for a decoded JSON value ("%v"): the plain text of encrypted values that
// come through the HTTP API. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace blocks::state {

/// `json` must be text that base::ReencodeLikeGo returned. An object becomes `map[a:1 b:[x y]]`, a
/// string its bare content, null `<nil>`.
std::string FormatLikeGo(std::string_view json);

}  // namespace blocks::state
