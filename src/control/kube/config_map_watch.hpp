// ConfigMapWatch: the value of one key of one ConfigMap, at each moment. One task pulls; home loop.
#pragma once

#include <optional>
#include <string>

#include "control/kube/watcher.hpp"

namespace control::kube {

class ConfigMapWatch {
 public:
  /// `api` outlives the watch.
  ConfigMapWatch(Api& api, const std::string& name_space, const std::string& name, std::string key);

  /// The value after the next change of it, the first time as it is; nothing if there is none.
  /// Errors are Watcher's.
  async::Task<base::Result<std::optional<std::string>>> Next(const async::Context& context);

 private:
  const std::string key_;
  Watcher watcher_;
  bool told_ = false;
  std::optional<std::string> value_;
};

}  // namespace control::kube
