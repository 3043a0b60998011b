#include "control/kube/config_map_watch.hpp"

#include "base/strings.hpp"
#include "control/kube/json.hpp"

namespace control::kube {

ConfigMapWatch::ConfigMapWatch(Api& api, const std::string& name_space, const std::string& name,
                               std::string key)
    : key_(std::move(key)),
      watcher_(api, base::StrCat("/api/v1/namespaces/", name_space, "/configmaps"),
               base::StrCat("fieldSelector=metadata.name%3D", name)) {}

async::Task<base::Result<std::optional<std::string>>> ConfigMapWatch::Next(
    const async::Context& context) {
  while (true) {
    CO_ASSIGN_OR_RETURN(const Change change, co_await watcher_.Next(context));
    std::optional<std::string> value;
    if (change.kind != Change::Kind::kGone && !change.objects.empty()) {
      const auto* text = TextAt(ObjectAt(change.objects.front().get_object(), "data"), key_);
      if (text) value = std::string(*text);
    }
    if (told_ && value == value_) continue;
    told_ = true;
    value_ = value;
    co_return value;
  }
}

}  // namespace control::kube
