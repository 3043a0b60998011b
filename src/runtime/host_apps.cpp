// The Host's --apps-path folder: what it describes, at start and after each change.
#include <algorithm>

#include "base/strings.hpp"
#include "config/yaml.hpp"
#include "runtime/host.hpp"
#include "runtime/host_reload.hpp"
#include "runtime/instance_config.hpp"

namespace runtime {
namespace {

// How long a reload waits for apps that take long to start, so that most changes are one step.
constexpr std::chrono::seconds kPatience(1);

async::Task<void> EndOne(Instance& instance, bool withdraw, async::Duration grace) {
  if (withdraw) co_await instance.Withdraw();
  co_await instance.StopSubscriptions(grace);
}

async::Task<void> EndAll(const std::vector<std::pair<Instance*, bool>>& instances,
                         async::Duration grace) {
  async::Gate gate;
  for (const auto& [instance, withdraw] : instances) {
    gate.Spawn(EndOne(*instance, withdraw, grace));
  }
  const async::Context patient;
  co_await gate.Close(patient);
}

}  // namespace

base::Result<Host::Apps> Host::ReadApps() {
  BeginTelling(false);
  ASSIGN_OR_RETURN(config::SharedApps apps, config::LoadSharedApps(options_.apps_path));
  for (const std::string& error : apps.errors) TellOnce(log_, error, {});
  auto configuration_now = ProcessConfiguration();
  if (configuration_now) {
    process_configuration_ = *std::move(configuration_now);
  } else if (ready_) {
    TellOnce(log_,
             base::StrCat("the Configuration of apps without one of their own stays as it was: ",
                          configuration_now.error().message),
             options_.configs);
  } else {
    return std::unexpected(std::move(configuration_now).error());
  }
  const config::Configuration& configuration = process_configuration_;
  ASSIGN_OR_RETURN(config::Resources parsed, config::ParseResources(options_.resources_paths));
  std::vector<std::string> warnings = configuration.warnings;
  warnings.insert(warnings.end(), parsed.warnings.begin(), parsed.warnings.end());
  WarnOnce(warnings);
  Apps out;
  app_paths_.clear();
  out.unreadable = !apps.errors.empty();
  const bool files = options_.mode != config::Mode::kKubernetes;
  for (const config::SharedApp& app : apps.apps) {
    if (files) {
      app_paths_.insert(app_paths_.end(), app.config.begin(), app.config.end());
      const auto paths = app.resources_paths.value_or(std::vector<std::string>());
      app_paths_.insert(app_paths_.end(), paths.begin(), paths.end());
    }
    if (files) {
      out.documents[app.app_id] = app.source.file;
      out.configs_of[app.app_id] = app.config.empty() ? options_.configs : app.config;
    }
    auto config =
        ConfigFromSharedApp(app, parsed, configuration, options_, setup_.env, log_, OtherFiles());
    if (config) {
      out.configs.push_back(std::move(*config));
    } else {
      TellOnce(log_.WithAppId(app.app_id),
               base::StrCat("app ", app.app_id, " cannot be served as described in ",
                            app.source.ToString(), ": ", config.error().message),
               app.config);
      out.broken.push_back(app.app_id);
    }
  }
  return out;
}

bool Host::ReloadApps(const std::function<bool()>& superseded, bool everything,
                      const Unfinished& unfinished) {
  if (everything) telling_.clear();
  auto apps = ReadApps();
  // What was read may be half of what is being written, such as a file that was just emptied.
  if (superseded && superseded()) return false;
  if (!apps) {
    TellOnce(log_, base::StrCat("apps stay as they are: ", apps.error().message), options_.configs);
    return true;
  }
  // A part of a document may lack what keeps callers out.
  if (const auto files = config::ListYamlFiles(options_.apps_path);
      files && !FirstUnfinished(unfinished, *files).empty()) {
    apps->unreadable = true;
  }
  std::vector<std::shared_ptr<Instance>> next;
  std::vector<std::shared_ptr<Instance>> gone;
  std::vector<InstanceConfig> starting;
  std::vector<std::string> wanted;
  const auto old_form = [&](const std::string& app_id) -> std::shared_ptr<Instance> {
    for (const auto& instance : instances_) {
      if (instance->app_id() == app_id) return instance;
    }
    return nullptr;
  };
  for (InstanceConfig& config : apps->configs) {
    const std::string app_id = config.app_id;
    wanted.push_back(app_id);
    auto old = old_form(app_id);
    std::string writing = FirstUnfinished(unfinished, {apps->documents[app_id]});
    const bool same = old && old->config().fingerprint == config.fingerprint;
    bool keep_configuration = false;
    if (writing.empty()) {
      writing = FirstUnfinished(unfinished, apps->configs_of[app_id]);
      keep_configuration = same && !writing.empty();
    }
    if (!writing.empty()) {
      TellOnce(
          log_.WithAppId(app_id),
          base::StrCat(keep_configuration ? "the Configuration of " : "", "app ", app_id,
                       old ? " stays as it was: " : " is not served yet: ", writing, kBeingWritten),
          {});
    }
    if (!writing.empty() && !keep_configuration) {
      if (old) next.push_back(std::move(old));
      continue;
    }
    if (same) {
      starts_.Drop(app_id);
      DescriptionChange change;
      if (options_.mode != config::Mode::kKubernetes) {
        if (!keep_configuration) change.configuration = std::move(config.configuration);
        change.resources = std::move(config.resources);
      }
      Hand(old, std::move(change), everything);
      next.push_back(std::move(old));
      continue;
    }
    // Other resources of a form that is on its way are handed over once it is served.
    if (!starts_.Revisit(app_id, config.fingerprint, everything)) {
      starts_.Drop(app_id);
      starting.push_back(std::move(config));
    }
    if (old) next.push_back(std::move(old));
  }
  for (const std::string& app_id : starts_.Wanted()) {
    const auto is_it = [&](const auto& id) { return id == app_id; };
    if (!apps->unreadable && std::ranges::none_of(wanted, is_it) &&
        std::ranges::none_of(apps->broken, is_it)) {
      starts_.Drop(app_id);
    }
  }
  for (auto& instance : instances_) {
    const std::string& app_id = instance->app_id();
    const auto is_it = [&](const auto& other) { return other->app_id() == app_id; };
    if (std::any_of(next.begin(), next.end(), is_it)) continue;
    const bool broken =
        std::find(apps->broken.begin(), apps->broken.end(), app_id) != apps->broken.end();
    // A document with a mistake in it must not end the app it is meant for.
    if (broken || apps->unreadable) {
      TellOnce(
          log_.WithAppId(app_id),
          base::StrCat("app ", app_id, " goes on as it was: ",
                       broken ? "its document has an error"
                              : "no document describes it, but some documents could not be read"),
          {});
      next.push_back(instance);
    } else {
      gone.push_back(instance);
    }
  }
  instances_ = std::move(next);
  for (const InstanceConfig& config : starting) HoldAppPorts(config);
  starts_.Begin(std::move(starting));
  starts_.Wait(kPatience);
  ServeStarted(std::move(gone));
  Reap();
  return true;
}

void Host::ServeStarted(std::vector<std::shared_ptr<Instance>> gone) {
  std::vector<std::shared_ptr<Instance>> fresh;
  std::vector<std::shared_ptr<Instance>> unwanted;
  bool dropped = false;
  for (AppStarts::Ended& ended : starts_.Take()) {
    const std::string& app_id = ended.app_id;
    if (!ended.wanted) {
      if (ended.instance) unwanted.push_back(*std::move(ended.instance));
      dropped = true;
      continue;
    }
    if (ended.outdated) {
      reload_due_ = true;
      reload_everything_ |= ended.everything;
    }
    const auto old = std::ranges::find(instances_, app_id, &Instance::app_id);
    if (!ended.instance) {
      log_.WithAppId(app_id).Error(
          base::StrCat("app ", app_id, " could not be started",
                       old != instances_.end() ? " and goes on as it was: " : ": ",
                       ended.instance.error().message));
      continue;
    }
    fresh.push_back(*std::move(ended.instance));
    if (old == instances_.end()) {
      instances_.push_back(fresh.back());
    } else {
      gone.push_back(std::exchange(*old, fresh.back()));
    }
  }
  StopInstances(std::move(unwanted));
  if (dropped) CloseUnusedIdentities();
  if (fresh.empty() && gone.empty()) {
    if (starts_.empty()) held_ports_.clear();
    return;
  }
  // Ports go before others are opened, because one app may take over another's; those that an app
  // keeps stay open.
  for (const auto& old : gone) {
    std::vector<Listeners::Wanted> keep;
    for (const auto& instance : fresh) {
      if (instance->app_id() == old->app_id()) keep = WantedPorts(instance->config());
    }
    listeners_->CloseApp(old->app_id(), keep);
  }
  Publish();
  std::vector<std::pair<Instance*, uint16_t>> announce;
  for (auto& instance : fresh) {
    [[maybe_unused]] auto logged = OpenAppPorts(*instance, announce);
    MarkServed(*instance);
    log_.WithAppId(instance->app_id()).Info(base::StrCat("app ", instance->app_id(), " is served"));
  }
  // Those of apps that did not start.
  if (starts_.empty()) held_ports_.clear();
  if (auto accepting = listeners_->StartAccepting(); !accepting) {
    log_.Error(base::StrCat("a port is not served: ", accepting.error().message));
  }
  AnnounceAll(std::move(announce));
  std::vector<std::pair<Instance*, bool>> ending;
  for (auto& instance : gone) {
    const std::string& app_id = instance->app_id();
    const bool served = IsServed(app_id);
    if (!served) log_.WithAppId(app_id).Info(base::StrCat("app ", app_id, " is no longer served"));
    ending.emplace_back(instance.get(), !served);
    retired_.push_back(std::move(instance));
  }
  // A new form, if there is one, subscribes already.
  if (!ending.empty()) {
    loops_.RunTaskOn(0, [&] { return EndAll(ending, options_.graceful_shutdown); });
  }
}

}  // namespace runtime
