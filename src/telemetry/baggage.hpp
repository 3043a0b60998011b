// Validation of the W3C baggage header, which Dapr refuses with 400 when it is malformed. Pure; any
// thread.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace telemetry {

/// Succeeds for a header value (of several headers, joined by commas) that is empty or well-formed:
/// at most 8192 bytes and 180 members of at most 4096 bytes, `key=value;property;property=value`.
/// The error is kInvalidArgument and does not repeat the header.
base::Status ValidateBaggage(std::string_view header);

}  // namespace telemetry
