#include "blocks/secrets/secrets_block.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/strings.hpp"

namespace blocks::secrets {

using base::ErrorId;
using base::Kind;
using base::StrCat;

SecretsBlock::SecretsBlock(std::vector<NamedStore> stores, std::vector<config::SecretsScope> scopes,
                           telemetry::InstanceMetrics* metrics)
    : stores_(std::move(stores)), scopes_(std::move(scopes)), metrics_(metrics) {}

base::Result<const NamedStore*> SecretsBlock::Find(std::string_view store) const {
  if (stores_.empty()) {
    return base::Fail(Kind::kPreconditionFailed, ErrorId::kSecretStoreNotConfigured,
                      "secret store is not configured");
  }
  for (const NamedStore& named : stores_) {
    if (named.name == store) return &named;
  }
  return base::Fail(Kind::kNotFound, ErrorId::kSecretStoreNotFound,
                    StrCat("failed finding secret store with key ", store));
}

bool SecretsBlock::Allowed(std::string_view store, std::string_view secret) const {
  for (const config::SecretsScope& scope : scopes_) {
    if (scope.store_name == store) return scope.Allows(secret);
  }
  return true;
}

void SecretsBlock::Record(std::string_view store, std::string_view operation, bool success,
                          base::TimePoint start) const {
  if (!metrics_) return;
  const std::chrono::duration<double, std::milli> elapsed = base::Clock::now() - start;
  metrics_->SecretOperation(store, operation, success, elapsed.count());
}

async::Task<base::Result<contracts::Secret>> SecretsBlock::Get(
    const contracts::Call& call, std::string_view store,
    contracts::GetSecretRequest request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  const std::string name = request.name;
  if (!Allowed(store, name)) {
    co_return base::Fail(
        Kind::kPermissionDenied, ErrorId::kSecretPermissionDenied,
        StrCat("access denied by policy to get \"", name, "\" from \"", store, "\""));
  }
  const base::TimePoint start = base::Clock::now();
  base::Result<contracts::Secret> secret =
      co_await named->store->GetSecret(call, std::move(request));
  Record(named->name, "get", secret.has_value(), start);
  if (!secret) {
    co_return base::Fail(secret.error().kind, ErrorId::kSecretGet,
                         StrCat("failed getting secret with key ", name, " from secret store ",
                                store, ": ", secret.error().message));
  }
  co_return secret;
}

async::Task<base::Result<std::map<std::string, contracts::Secret>>> SecretsBlock::BulkGet(
    const contracts::Call& call, std::string_view store,
    contracts::BulkGetSecretRequest request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  const base::TimePoint start = base::Clock::now();
  base::Result<std::map<std::string, contracts::Secret>> secrets =
      co_await named->store->BulkGetSecret(call, std::move(request));
  Record(named->name, "bulk_get", secrets.has_value(), start);
  if (!secrets) {
    co_return base::Fail(
        secrets.error().kind, ErrorId::kBulkSecretGet,
        StrCat("failed getting secrets from secret store ", store, ": ", secrets.error().message));
  }
  std::erase_if(*secrets, [&](const auto& entry) { return !Allowed(store, entry.first); });
  co_return secrets;
}

}  // namespace blocks::secrets
