#include "daprd/component_table.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "components/nameresolution/kubernetes/resolver.hpp"
#include "components/nameresolution/mdns/resolver.hpp"
#include "components/nameresolution/nameformat/resolver.hpp"
#include "components/nameresolution/sqlite/resolver.hpp"
#include "components/pubsub/in_memory/descriptor.hpp"
#include "components/pubsub/kafka/descriptor.hpp"
#include "components/pubsub/mqtt3/descriptor.hpp"
#include "components/pubsub/rabbitmq/descriptor.hpp"
#include "components/pubsub/redis/descriptor.hpp"
#include "components/secretstores/local_env/store.hpp"
#include "components/secretstores/local_file/store.hpp"
#include "components/state/in_memory/descriptor.hpp"
#include "components/state/postgresql/descriptor.hpp"
#include "components/state/redis/descriptor.hpp"
#include "components/state/sqlite/descriptor.hpp"

namespace daprd {

const contracts::Registry& ComponentRegistry() {
  using namespace components;  // NOLINT: every line below begins with it
  static const contracts::Registry kRegistry({
      &nameresolution::kubernetes::Descriptor(),
      &nameresolution::mdns::Descriptor(),
      &nameresolution::nameformat::Descriptor(),
      &nameresolution::sqlite::Descriptor(),
      &pubsub::in_memory::Descriptor(),
      &pubsub::kafka::Descriptor(),
      &pubsub::mqtt3::Descriptor(),
      &pubsub::rabbitmq::Descriptor(),
      &pubsub::redis::Descriptor(),
      &secretstores::local_env::Descriptor(),
      &secretstores::local_file::Descriptor(),
      &state::in_memory::Descriptor(),
      &state::postgresql::v1::Descriptor(),
      &state::postgresql::v2::Descriptor(),
      &state::redis::Descriptor(),
      &state::sqlite::Descriptor(),
  });
  return kRegistry;
}

std::string ListComponents() {
  struct Line {
    std::string type;
    std::string versions;
    std::string status;
  };
  std::vector<Line> lines{{"TYPE", "VERSIONS", "STATUS"}};
  for (const contracts::Descriptor* descriptor : ComponentRegistry().all()) {
    lines.push_back({descriptor->type, base::Join(descriptor->versions, ", "),
                     std::string(contracts::StabilityName(descriptor->status))});
  }
  std::size_t type_width = 0;
  std::size_t versions_width = 0;
  for (const Line& line : lines) {
    type_width = std::max(type_width, line.type.size());
    versions_width = std::max(versions_width, line.versions.size());
  }
  std::string out;
  for (Line& line : lines) {
    line.type.resize(type_width, ' ');
    line.versions.resize(versions_width, ' ');
    base::StrAppend(out, line.type, "  ", line.versions, "  ", line.status, "\n");
  }
  return out;
}

}  // namespace daprd
