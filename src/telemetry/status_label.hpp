// Status codes as label values, without allocating. Any thread.
#pragma once

#include <string_view>

namespace telemetry {

/// "0" to "999"; anything else is "0", the label of a call that got no status.
std::string_view HttpStatusLabel(int status);

/// The name Go gives a gRPC code: "OK", "NotFound"…; codes beyond 16 are "Unknown".
std::string_view GrpcStatusLabel(int code);

}  // namespace telemetry
