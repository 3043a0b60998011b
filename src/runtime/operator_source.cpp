#include "runtime/operator_source.hpp"

#include "base/strings.hpp"
#include "runtime/instance.hpp"
#include "runtime/instance_config.hpp"

namespace runtime {
namespace {

control::OperatorOptions ClientOptions(const config::Options& options,
                                       const OperatorSource::App& app) {
  control::OperatorOptions out;
  out.app_id = app.app_id;
  out.app_namespace = app.app_namespace;
  out.configuration = app.configuration;
  out.address = options.control_plane_address;
  out.cache_directory = options.resources_cache;
  out.times.reconcile =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.hot_reload_interval);
  return out;
}

}  // namespace

base::Result<std::shared_ptr<OperatorSource>> OperatorSource::Make(const Services& services,
                                                                   App app) {
  auto place = control::SplitAddress(services.options.control_plane_address);
  if (!place) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("the operator: ", place.error().message,
                                   "; set --control-plane-address, which Kubernetes mode needs "
                                   "(dapr-api.dapr-system.svc.cluster.local:443 as a rule)"));
  }
  return std::shared_ptr<OperatorSource>(
      new OperatorSource(services, std::move(app), std::move(*place)));
}

OperatorSource::OperatorSource(const Services& services, App app, control::HostPort place)
    : services_(services),
      app_(std::move(app)),
      place_(std::move(place)),
      log_(telemetry::Log("dapr.runtime.operator").WithAppId(app_.app_id)),
      client_(
          ClientOptions(services.options, app_), services.clients.Here(),
          [this](const async::Context& context) { return Locate(context); }, log_) {}

async::Task<base::Result<std::vector<http::Origin>>> OperatorSource::Locate(
    const async::Context& context) {
  auto found = co_await services_.dns().Resolve(context, place_.host, place_.port);
  if (!found) co_return std::unexpected(std::move(found).error());
  co_return control::OriginsOf(
      place_, found->addresses,
      app_.identity ? app_.identity->ControlPlaneTls("dapr-operator") : nullptr);
}

base::Result<config::Configuration> OperatorSource::Prepare(
    config::Configuration configuration) const {
  RETURN_IF_ERROR(RefuseUnenforced(configuration));
  config::ApplyOtelEnv(services_.env, configuration);
  return configuration;
}

async::Task<base::Result<Description>> OperatorSource::Load(const async::Context& context) {
  CO_ASSIGN_OR_RETURN(control::AppResources told, co_await client_.Load(context));
  for (const std::string& warning : told.resources.warnings) log_.Warning(warning);
  Description out;
  CO_ASSIGN_OR_RETURN(out.configuration, Prepare(std::move(told.configuration)));
  out.resources = std::move(told.resources);
  co_return out;
}

void OperatorSource::Follow(std::weak_ptr<Instance> instance) {
  instance_ = std::move(instance);
  client_.Watch([this](control::AppResources told) { return Apply(std::move(told)); });
}

async::Task<void> OperatorSource::Apply(control::AppResources told) {
  const auto instance = instance_.lock();
  if (!instance) co_return;
  if (!told.asked && !instance->description().configuration.FeatureEnabled("HotReload")) co_return;
  for (const std::string& warning : told.resources.warnings) log_.Warning(warning);
  DescriptionChange change;
  change.resources = std::move(told.resources);
  auto configuration = Prepare(std::move(told.configuration));
  if (configuration) {
    change.configuration = std::move(*configuration);
  } else {
    log_.Error(base::StrCat("the new Configuration cannot be used and the old one stays: ",
                            configuration.error().message));
  }
  instance->Reload(std::move(change));
}

async::Task<void> OperatorSource::Close() {
  const async::Context patient;
  co_await client_.Close(patient);
}

}  // namespace runtime
