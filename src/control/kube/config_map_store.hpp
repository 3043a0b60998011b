// ConfigMapStore: one text in one key of one ConfigMap (implements contracts::TextStore). Nothing
// else of the ConfigMap is touched. Home loop.
#pragma once

#include <string>

#include "contracts/text_store.hpp"
#include "control/kube/api.hpp"

namespace control::kube {

class ConfigMapStore final : public contracts::TextStore {
 public:
  /// `api` outlives the store. `key` may be any text; what a ConfigMap's keys cannot hold of it is
  /// escaped. `owner` names who owns the key among the ConfigMap's writers: one owner a key.
  ConfigMapStore(Api& api, std::string name_space, std::string name, std::string_view key,
                 std::string owner);

  async::Task<base::Result<std::string>> Read(const async::Context& context) override;
  /// kTooLarge above 900 KiB: a ConfigMap holds a mebibyte.
  async::Task<base::Status> Write(const async::Context& context, std::string text) override;
  std::string where() const override;

 private:
  std::string Path() const;
  base::Error Explain(base::Error error, std::string_view verbs) const;

  Api& api_;
  const std::string name_space_;
  const std::string name_;
  const std::string key_;
  const std::string owner_;
};

}  // namespace control::kube
