// BLAKE2b (RFC 7693) with 64 bytes of output and no key, of which placement uses the first eight.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace control {

/// The first 8 bytes of the hash as a little-endian number.
uint64_t Blake2bPrefix(std::string_view text);

}  // namespace control
