#include "components/state/in_memory/descriptor.hpp"

#include "components/state/in_memory/store.hpp"

namespace components::state::in_memory {

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "state.in-memory",
      .versions = {"v1"},
      .features = {"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"},
      .summary =
          "Keeps state in the memory of the runtime. Nothing survives a restart and nothing is "
          "shared between processes: use it for development, tests and caches.",
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::StateStore> { return std::make_unique<Store>(); }};
  return kDescriptor;
}

}  // namespace components::state::in_memory
