// AppWake: what the runtime itself may do to find out that an app is back, or to wake it
// (--app-wake, spec.wake).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace config {

enum class AppWake : uint8_t {
  kRequest,  // probes, and one waiting delivery at a time may be sent to an app that is away
  kProbe,    // probes alone, which open a connection and close it again
  kNever,    // neither: name resolution and calls of others tell
};

/// Case is ignored. None for anything else.
std::optional<AppWake> ParseAppWake(std::string_view text);

}  // namespace config
