// AppProtocol: how the user's app is spoken to (--app-protocol, spec.target.protocol).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace config {

enum class AppProtocol : uint8_t { kHttp, kHttps, kH2c, kGrpc, kGrpcs };

/// Case is ignored; "" means http. None for anything else.
std::optional<AppProtocol> ParseAppProtocol(std::string_view text);
std::string_view AppProtocolName(AppProtocol protocol);
inline bool IsGrpc(AppProtocol p) {
  return p == AppProtocol::kGrpc || p == AppProtocol::kGrpcs;
}
inline bool IsTls(AppProtocol p) {
  return p == AppProtocol::kHttps || p == AppProtocol::kGrpcs;
}

}  // namespace config
