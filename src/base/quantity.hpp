// Sizes in the notation of Kubernetes resources ("4Mi", "1k"). Any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace base {

/// Parses a number with an optional suffix: Ki Mi Gi Ti Pi Ei (powers of 1024), k M G T P E (powers
/// of 1000), n u m (fractions) or a decimal exponent. Fails when the value is no whole number or
/// does not fit 64 bits.
Result<int64_t> ParseQuantity(std::string_view text);

}  // namespace base
