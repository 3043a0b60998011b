// Texts of system errors the way users of Dapr know them: lower case, "connection refused".
#pragma once

#include <string>

#include "base/result.hpp"

namespace net {

/// The text of an errno value in lower case.
std::string ErrnoText(int error_number);

/// What kind of failure an errno value of a socket call is: kExhausted for missing descriptors or
/// memory, kPermissionDenied, kTimeout, else kUnavailable.
base::Kind ErrnoKind(int error_number);

}  // namespace net
