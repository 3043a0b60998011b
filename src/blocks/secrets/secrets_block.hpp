// SecretsBlock: the rules of the secrets API for one app: which store, which secrets its scopes
// allow, and the errors. Part of an Instance's snapshot: immutable, called on any loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/configuration.hpp"
#include "contracts/secret_store.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace blocks::secrets {

struct NamedStore {
  std::string name;
  std::shared_ptr<contracts::SecretStore> store;
};

class SecretsBlock {
 public:
  /// `scopes` is the Configuration's secrets.scopes; stores it does not name are open. `metrics`
  /// may be null; it outlives the block.
  SecretsBlock(std::vector<NamedStore> stores, std::vector<config::SecretsScope> scopes,
               telemetry::InstanceMetrics* metrics = nullptr);

  const std::vector<NamedStore>& stores() const { return stores_; }

  /// The keys and values of one secret. `store` must live until the task has ended.
  async::Task<base::Result<contracts::Secret>> Get(const contracts::Call& call,
                                                   std::string_view store,
                                                   contracts::GetSecretRequest request) const;
  /// Every secret the app may read; the others are left out without a word.
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGet(
      const contracts::Call& call, std::string_view store,
      contracts::BulkGetSecretRequest request) const;

 private:
  base::Result<const NamedStore*> Find(std::string_view store) const;
  bool Allowed(std::string_view store, std::string_view secret) const;
  void Record(std::string_view store, std::string_view operation, bool success,
              base::TimePoint start) const;

  const std::vector<NamedStore> stores_;
  const std::vector<config::SecretsScope> scopes_;
  telemetry::InstanceMetrics* const metrics_;
};

}  // namespace blocks::secrets
