// The Host's part in resources that come from the operator: every app fetches its own before it
// starts.
#include "base/strings.hpp"
#include "runtime/host.hpp"
#include "runtime/operator_source.hpp"

namespace runtime {
namespace {

async::Task<void> FetchOne(const Services& services, const async::Context& context,
                           InstanceConfig& config, base::Status& status) {
  auto source = OperatorSource::Make(services, {.app_id = config.app_id,
                                                .app_namespace = config.app_namespace,
                                                .configuration = config.configuration_name,
                                                .identity = config.identity});
  if (!source) {
    status = std::unexpected(std::move(source).error());
    co_return;
  }
  auto description = co_await (*source)->Load(context);
  if (!description) {
    status = std::unexpected(std::move(description).error());
    co_return;
  }
  config.configuration = std::move(description->configuration);
  config.resources = std::move(description->resources);
  config.operator_source = std::move(*source);
}

async::Task<void> FetchAll(const Services& services, std::vector<InstanceConfig>& configs,
                           std::vector<base::Status>& results) {
  // Side by side: all wait for the same operator.
  async::Gate gate;
  async::Event done;
  std::size_t left = configs.size();
  struct Each {
    static async::Task<void> Run(const Services& services, InstanceConfig& config,
                                 base::Status& status, std::size_t& left, async::Event& done) {
      const async::Context patient;  // the client knows how long to wait
      co_await FetchOne(services, patient, config, status);
      if (--left == 0) done.Set();
    }
  };
  for (std::size_t i = 0; i < configs.size(); ++i) {
    gate.Spawn(Each::Run(services, configs[i], results[i], left, done));
  }
  const async::Context patient;
  if (left > 0) co_await done.Wait(patient);
  co_await gate.Close(patient);
}

}  // namespace

base::Result<config::Configuration> Host::ProcessConfiguration() const {
  if (options_.mode == config::Mode::kKubernetes) return config::Configuration();
  return config::LoadConfiguration(options_.configs, setup_.env, OtherFiles());
}

async::Task<base::Status> Host::FetchResourcesOf(const async::Context& context,
                                                 InstanceConfig& config) {
  base::Status status;
  if (options_.mode != config::Mode::kKubernetes) co_return status;
  co_await FetchOne(*services_, context, config, status);
  if (status) config.secure_peers = SecuresPeers(options_, config.configuration);
  co_return status;
}

base::Status Host::FetchResources(std::vector<InstanceConfig>& configs) {
  if (options_.mode != config::Mode::kKubernetes || configs.empty()) return {};
  std::vector<base::Status> results(configs.size());
  loops_.RunTaskOn(0, [&] { return FetchAll(*services_, configs, results); });
  base::Status first;
  std::vector<InstanceConfig> ready;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (results[i]) {
      configs[i].secure_peers = SecuresPeers(options_, configs[i].configuration);
      ready.push_back(std::move(configs[i]));
      continue;
    }
    if (configs.size() > 1) {
      log_.WithAppId(configs[i].app_id)
          .Error(base::StrCat("app ", configs[i].app_id,
                              " is not served: ", results[i].error().message));
    }
    if (first) first = std::move(results[i]);
  }
  configs = std::move(ready);
  // Some that can be served are worth more than none.
  if (!configs.empty()) return {};
  return first;
}

}  // namespace runtime
