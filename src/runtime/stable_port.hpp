// The internal port of an app that was given none: the same at every start, so that peers which
// remember it find it again (facts: flags, derived defaults).
#pragma once

#include <cstdint>
#include <string_view>

namespace runtime {

uint16_t StablePort(std::string_view app_id);

}  // namespace runtime
