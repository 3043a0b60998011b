// Host: the files of --resources-path and --config, read again while the apps are served.
#include "runtime/host_reload.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/strings.hpp"
#include "runtime/host.hpp"
#include "runtime/instance_config.hpp"
#include "runtime/operator_source.hpp"

namespace runtime {

bool Host::Reload(const std::function<bool()>& superseded, bool everything,
                  const Unfinished& unfinished) {
  if (!options_.apps_path.empty()) return ReloadApps(superseded, everything, unfinished);
  DescriptionChange change;
  // In Kubernetes mode the operator tells; Hand has it asked.
  if (options_.mode != config::Mode::kKubernetes) {
    auto configuration = ReadConfiguration(options_.configs, setup_.env);
    auto resources = config::LoadResources(options_.resources_paths, options_.env.namespace_name,
                                           options_.app_id);
    // What was read may be half of what is being written, such as a file that was just emptied.
    if (superseded && superseded()) return false;
    BeginTelling(everything);
    const std::string writing = FirstUnfinished(unfinished, options_.configs);
    if (!writing.empty()) {
      TellOnce(log_, base::StrCat("the Configuration stays as it was: ", writing, kBeingWritten),
               {});
    } else if (configuration) {
      change.configuration = *std::move(configuration);
    } else {
      TellOnce(log_,
               base::StrCat("the Configuration stays as it was: ", configuration.error().message),
               options_.configs);
    }
    if (resources) {
      WarnOnce(resources->warnings);
      change.resources = *std::move(resources);
    } else {
      TellOnce(log_, base::StrCat("resources stay as they were: ", resources.error().message), {});
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
    if (const auto& source = instance->config().operator_source; source && change.secrets_changed) {
      source->Ask();
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

void Host::BeginTelling(bool again) {
  told_ = std::exchange(telling_, {});
  if (again) told_.clear();
}

void Host::TellOnce(const telemetry::Log& log, const std::string& mistake,
                    const std::vector<std::string>& files) {
  std::string key = mistake;
  for (const std::string& file : files) {
    const auto text = base::ReadFile(file);
    base::StrAppend(key, "\n", text ? std::hash<std::string>()(*text) : 0);
  }
  if (!told_.contains(key) && !telling_.contains(key)) log.Error(mistake);
  telling_.insert(std::move(key));
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
