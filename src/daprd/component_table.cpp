#include "daprd/component_table.hpp"

#include "base/strings.hpp"
#include "components/secretstores/local_env/store.hpp"
#include "components/secretstores/local_file/store.hpp"
#include "components/state/in_memory/descriptor.hpp"
#include "components/state/sqlite/descriptor.hpp"

namespace daprd {

const contracts::Registry& ComponentRegistry() {
  static const contracts::Registry kRegistry({
      &components::secretstores::local_env::Descriptor(),
      &components::secretstores::local_file::Descriptor(),
      &components::state::in_memory::Descriptor(),
      &components::state::sqlite::Descriptor(),
  });
  return kRegistry;
}

std::string ListComponents() {
  std::string text;
  for (const contracts::Descriptor* descriptor : ComponentRegistry().all()) {
    base::StrAppend(text, descriptor->type, " ", base::Join(descriptor->versions, ","), " ",
                    contracts::StabilityName(descriptor->status), "\n");
  }
  return text;
}

}  // namespace daprd
