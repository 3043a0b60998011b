// The API tokens of an app. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/constant_time.hpp"

namespace api {

inline constexpr std::string_view kApiTokenHeader = "dapr-api-token";

/// True if `given` is one of the tokens. Looks at all of them, so that the time does not tell
/// which.
inline bool IsApiToken(const std::vector<std::string>& tokens, std::string_view given) {
  bool found = false;
  for (const std::string& token : tokens) {
    if (base::ConstantTimeEquals(given, token)) found = true;
  }
  return found;
}

}  // namespace api
