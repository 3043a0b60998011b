// How decoded values are written into Redis: as the JSON library of Dapr's Go store writes them,
// because people read them with other tools and compare. Numbers have at most six decimals, and
// nothing is escaped for HTML. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace components::state::redis {

/// `json` must be text as Go's encoding/json writes it (contracts::SetRequest::json).
std::string ValueText(std::string json);

/// One number: "1.0000001" becomes "1", "1e-07" becomes "0", "1e+21" stays.
std::string NumberText(std::string_view number);

}  // namespace components::state::redis
