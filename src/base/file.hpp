// Whole small files: manifests, tokens, certificates. Blocking; start-up and administration only.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace base {

/// The bytes of the regular file `path`. Fails with kNotFound, kPermissionDenied, kInvalidArgument
/// for what is no regular file (a pipe might never end), kTooLarge beyond `limit` bytes, or
/// kInternal; the text names the path.
Result<std::string> ReadFile(const std::string& path, size_t limit = size_t{64} << 20);

}  // namespace base
