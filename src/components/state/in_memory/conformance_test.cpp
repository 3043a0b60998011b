#include "components/state/in_memory/store.hpp"
#include "contracts/conformance/state_conformance.hpp"

namespace components::state::in_memory {
namespace {

std::atomic<int64_t> seconds_passed{0};
base::WallTime FakeNow() {
  return base::WallNow() + std::chrono::seconds(seconds_passed);
}

class Subject final : public contracts::StateSubject {
 public:
  Subject() { seconds_passed = 0; }
  contracts::StateStore& store() override { return store_; }
  void Advance(int64_t seconds) override { seconds_passed += seconds; }
  async::Task<int64_t> Cleanup() override { co_return static_cast<int64_t>(store_.Sweep()); }

 private:
  Store store_{FakeNow};
};

const bool kRegistered = contracts::RegisterStateConformance(
    "InMemoryConformance", [] { return std::make_unique<Subject>(); });

}  // namespace
}  // namespace components::state::in_memory
