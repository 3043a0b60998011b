#include "runtime/name_resolution.hpp"

#include <boost/json.hpp>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "config/properties.hpp"

namespace runtime {
namespace {

// `spec.nameResolution.configuration` is free JSON: its top-level fields are the component's
// metadata.
base::Result<config::Properties> ReadProperties(const std::string& component,
                                                const std::string& json) {
  std::vector<config::Properties::Entry> entries;
  if (!json.empty()) {
    boost::json::error_code error;
    const boost::json::value value = boost::json::parse(json, error);
    if (error || !value.is_object()) {
      return base::Fail(base::Kind::kInvalidArgument,
                        "spec.nameResolution.configuration must be a mapping");
    }
    for (const auto& [key, item] : value.get_object()) {
      entries.push_back({std::string(key), item.is_string() ? std::string(item.get_string())
                                                            : boost::json::serialize(item)});
    }
  }
  return config::Properties(component, std::move(entries));
}

}  // namespace

async::Task<void> OpenNameResolver(const config::NameResolution& wanted,
                                   const config::Options& options, const config::Env& /*env*/,
                                   const contracts::Registry& registry, const telemetry::Log& log,
                                   std::shared_ptr<contracts::NameResolver>& out) {
  const bool kubernetes = options.mode == config::Mode::kKubernetes;
  const std::string name =
      !wanted.component.empty() ? wanted.component : (kubernetes ? "kubernetes" : "mdns");
  const auto warn = [&](std::string_view why) {
    log.Warning(base::StrCat("failed to init name resolution ", name, ": ", why,
                             " (apps of other processes cannot be invoked)"));
  };
  const std::string type = base::StrCat("nameresolution.", name);
  auto descriptor = registry.Find(type, wanted.version);
  if (!descriptor) {
    warn(descriptor.error().message);
    co_return;
  }
  const auto* make =
      std::get_if<std::unique_ptr<contracts::NameResolver> (*)()>(&(*descriptor)->factory);
  auto properties = ReadProperties(name, wanted.configuration_json);
  if (!make || !properties) {
    warn(make ? properties.error().message : "it is not a name resolution component");
    co_return;
  }
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(5)));
  const contracts::Call call(context);
  std::shared_ptr<contracts::NameResolver> resolver = (*make)();
  const std::string name_space = options.Namespace();
  auto status = co_await resolver->Init(call, {.name = name,
                                               .type = type,
                                               .version = wanted.version,
                                               .properties = *properties,
                                               .app_id = options.app_id,
                                               .app_namespace = name_space});
  if (!status) {
    warn(status.error().message);
    co_return;
  }
  log.Info(base::StrCat("Initialized name resolution to ", name));
  out = std::move(resolver);
}

async::Task<void> CloseNameResolver(contracts::NameResolver& resolver) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(1)));
  const contracts::Call call(context);
  co_await resolver.Close(call);
}

}  // namespace runtime
