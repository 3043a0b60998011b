// SecretStore: named secrets, each a small map of keys to values. Used at start-up (secretKeyRef in
// resources) and by the secrets API. Values never reach a log or an error text.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "contracts/component.hpp"
#include "contracts/metadata.hpp"

namespace contracts {

using Secret = std::map<std::string, std::string, std::less<>>;

struct GetSecretRequest {
  std::string name;
  Metadata metadata;
};
struct BulkGetSecretRequest {
  Metadata metadata;
};

class SecretStore : public Component {
 public:
  /// True if one secret may hold several keys (feature MULTIPLE_KEY_VALUES_PER_SECRET).
  virtual bool multiple_keys_per_secret() const { return false; }

  virtual async::Task<base::Result<Secret>> GetSecret(const Call& call,
                                                      GetSecretRequest request) = 0;
  virtual async::Task<base::Result<std::map<std::string, Secret>>> BulkGetSecret(
      const Call& call, BulkGetSecretRequest request) = 0;
};

}  // namespace contracts
