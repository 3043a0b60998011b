// nameresolution.nameformat: the name of an app's runtime is a pattern with the app id put in.
// Nothing is asked or announced here; whoever dials the name looks it up. Any loop, no state after
// Init.
#pragma once

#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution::nameformat {

class Resolver final : public contracts::NameResolver {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolve(
      const contracts::Call& call, std::string_view app_id, std::string_view app_namespace,
      uint16_t port) override;

 private:
  std::string format_;
};

const contracts::Descriptor& Descriptor();

}  // namespace components::nameresolution::nameformat
