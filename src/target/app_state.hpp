// Whether the app is there, as one value all loops read and one loop decides.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "contracts/app_target.hpp"

namespace target {

class AppState {
 public:
  /// Called on the home loop after each change, with the new state.
  using Observer = std::function<void(contracts::TargetState)>;

  contracts::TargetState value() const { return state_.load(std::memory_order_acquire); }
  /// True if it changed. Home loop only.
  bool Set(contracts::TargetState state) {
    if (state_.exchange(state, std::memory_order_acq_rel) == state) return false;
    for (const Observer& observer : observers_) observer(state);
    return true;
  }
  /// Home loop only.
  void Observe(Observer observer) { observers_.push_back(std::move(observer)); }

 private:
  std::atomic<contracts::TargetState> state_{contracts::TargetState::kUnavailable};
  std::vector<Observer> observers_;
};

}  // namespace target
