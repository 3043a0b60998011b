#include "contracts/app_target.hpp"

namespace contracts {

std::string_view AppProtocolName(AppProtocol protocol) {
  switch (protocol) {
    case AppProtocol::kHttp:
      return "http";
    case AppProtocol::kHttps:
      return "https";
    case AppProtocol::kH2c:
      return "h2c";
    case AppProtocol::kGrpc:
      return "grpc";
    case AppProtocol::kGrpcs:
      return "grpcs";
  }
  return "http";
}

std::string_view TargetStateName(TargetState state) {
  switch (state) {
    case TargetState::kReady:
      return "ready";
    case TargetState::kUnavailable:
      return "unavailable";
    case TargetState::kWaking:
      return "waking";
  }
  return "unavailable";
}

}  // namespace contracts
