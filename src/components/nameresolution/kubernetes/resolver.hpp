// nameresolution.kubernetes: an app's runtimes are behind the Service `<app id>-dapr` of its
// namespace. Only makes the name; whoever dials it looks it up in DNS. Any loop, no state after
// Init.
#pragma once

#include <optional>

#include "components/nameresolution/kubernetes/name_template.hpp"
#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution::kubernetes {

class Resolver final : public contracts::NameResolver {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolve(
      const contracts::Call& call, std::string_view app_id, std::string_view app_namespace,
      uint16_t port) override;

 private:
  std::string cluster_domain_;
  std::optional<NameTemplate> template_;
};

const contracts::Descriptor& Descriptor();

}  // namespace components::nameresolution::kubernetes
