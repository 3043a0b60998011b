// Message digests, for those who may not see OpenSSL. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace net {

/// The 32 bytes of SHA-256.
std::string Sha256(std::string_view data);

}  // namespace net
