// secretstores.local.env: the environment variables of this process as secrets. The runtime's own
// (APP_API_TOKEN and everything that starts with DAPR_) are never given out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contracts/descriptor.hpp"
#include "contracts/secret_store.hpp"

namespace components::secretstores::local_env {

using Variables = std::vector<std::pair<std::string, std::string>>;
/// The environment of the process; it does not change after start.
Variables ProcessVariables();

class Store final : public contracts::SecretStore {
 public:
  explicit Store(Variables variables = ProcessVariables()) : variables_(std::move(variables)) {}

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  /// An unset or blocked name gives an empty value, not an error.
  async::Task<base::Result<contracts::Secret>> GetSecret(
      const contracts::Call& call, contracts::GetSecretRequest request) override;
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGetSecret(
      const contracts::Call& call, contracts::BulkGetSecretRequest request) override;

 private:
  static bool Blocked(std::string_view name);

  const Variables variables_;
  std::string prefix_;
};

const contracts::Descriptor& Descriptor();

}  // namespace components::secretstores::local_env
