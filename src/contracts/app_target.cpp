#include "contracts/app_target.hpp"

namespace contracts {

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
