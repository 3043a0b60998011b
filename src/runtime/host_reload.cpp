// Host: the files of --resources-path and --config, read again while the apps are served.
#include <algorithm>

#include "base/strings.hpp"
#include "runtime/host.hpp"
#include "runtime/instance_config.hpp"

namespace runtime {

bool Host::Reload(const std::function<bool()>& superseded, bool everything) {
  if (!options_.apps_path.empty()) return ReloadApps(superseded, everything);
  DescriptionChange change;
  // In Kubernetes mode the operator tells.
  if (options_.mode != config::Mode::kKubernetes) {
    auto configuration = ReadConfiguration(options_.configs, setup_.env);
    auto resources = config::LoadResources(options_.resources_paths, options_.env.namespace_name,
                                           options_.app_id);
    // What was read may be half of what is being written, such as a file that was just emptied.
    if (superseded && superseded()) return false;
    if (configuration) {
      change.configuration = *std::move(configuration);
    } else {
      log_.Error(
          base::StrCat("the Configuration stays as it was: ", configuration.error().message));
    }
    if (resources) {
      WarnOnce(resources->warnings);
      change.resources = *std::move(resources);
    } else {
      log_.Error(base::StrCat("resources stay as they were: ", resources.error().message));
    }
  }
  if (!instances_.empty()) Hand(instances_.front(), std::move(change), everything);
  return true;
}

void Host::Hand(std::shared_ptr<Instance> instance, DescriptionChange change, bool everything) {
  change.secrets_changed = everything;
  loops_.at(0).Post([instance = std::move(instance), change = std::move(change)]() mutable {
    if (!change.secrets_changed &&
        !instance->description().configuration.FeatureEnabled("HotReload")) {
      return;
    }
    instance->Reload(std::move(change));
  });
}

void Host::WarnOnce(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    if (std::ranges::find(warned_, warning) == warned_.end()) log_.Warning(warning);
  }
  warned_ = warnings;
}

std::vector<std::string> Host::WatchedPaths() const {
  std::vector<std::string> out = app_paths_;
  if (!options_.apps_path.empty()) out.push_back(options_.apps_path);
  if (options_.mode != config::Mode::kKubernetes) {
    out.insert(out.end(), options_.resources_paths.begin(), options_.resources_paths.end());
    out.insert(out.end(), options_.configs.begin(), options_.configs.end());
  }
  std::ranges::sort(out);
  const auto same = std::ranges::unique(out);
  out.erase(same.begin(), same.end());
  return out;
}

}  // namespace runtime
