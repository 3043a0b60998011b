// secretstores.local.file: secrets from a JSON file, read once at start. For development.
#pragma once

#include <map>
#include <string>

#include "contracts/descriptor.hpp"
#include "contracts/secret_store.hpp"

namespace components::secretstores::local_file {

class Store final : public contracts::SecretStore {
 public:
  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  bool multiple_keys_per_secret() const override { return multi_valued_; }
  /// kNotFound for a name the file does not have.
  async::Task<base::Result<contracts::Secret>> GetSecret(
      const contracts::Call& call, contracts::GetSecretRequest request) override;
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGetSecret(
      const contracts::Call& call, contracts::BulkGetSecretRequest request) override;

 private:
  // Written by Init only.
  bool multi_valued_ = false;
  std::map<std::string, contracts::Secret> secrets_;
};

const contracts::Descriptor& Descriptor();

}  // namespace components::secretstores::local_file
