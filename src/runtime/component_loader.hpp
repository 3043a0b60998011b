// Brings the components of one app to life: secret stores first, then the rest in the order of the
// resources, each within its own time limit. Runs on the Instance's home loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/pubsub/named_pubsub.hpp"
#include "blocks/secrets/secrets_block.hpp"
#include "blocks/state/named_store.hpp"
#include "config/configuration.hpp"
#include "config/env.hpp"
#include "config/metadata_template.hpp"
#include "config/resources.hpp"
#include "contracts/descriptor.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace runtime {

/// A component that is up, as the metadata API shows it.
struct LoadedComponent {
  std::string name;
  std::string type;
  std::string version;
  std::vector<std::string> capabilities;
};

/// An HTTPEndpoint with its secrets filled in.
struct ResolvedHttpEndpoint {
  std::string name;
  std::string base_url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string root_ca_pem;
  std::string certificate_pem;
  std::string private_key_pem;
};

/// All components of one app. Move-only; Close before destruction.
class ComponentSet {
 public:
  std::vector<blocks::state::NamedStore> state_stores;     // in load order
  std::vector<blocks::pubsub::NamedPubSub> pubsubs;        // in load order
  std::vector<blocks::secrets::NamedStore> secret_stores;  // in load order
  std::vector<LoadedComponent> loaded;  // secret stores first, then in load order
  std::vector<ResolvedHttpEndpoint> http_endpoints;

  /// The secret store of that name, or null.
  contracts::SecretStore* FindSecretStore(std::string_view name) const;

  /// Ends all components. Home loop.
  async::Task<void> Close(const async::Context& context);

 private:
  friend class ComponentLoader;
  std::vector<std::shared_ptr<contracts::Component>> all_;  // in the order of their start
};

struct LoaderInput {
  std::string app_id;
  std::string app_namespace;  // "default" when the process has none
  bool kubernetes = false;
  const config::Configuration& configuration;
  const config::Resources& resources;  // already selected for the app
  const contracts::Registry& registry;
  const config::Env& env;
  telemetry::InstanceMetrics& metrics;
  const telemetry::Log& log;
};

class ComponentLoader {
 public:
  explicit ComponentLoader(const LoaderInput& input) : input_(input) {}

  /// Starts everything. Fails on the first component that cannot start and does not say
  /// `ignoreErrors`; what was started until then is closed again. The error text is the one Dapr
  /// prints (facts: flags, start-up error texts).
  async::Task<base::Result<ComponentSet>> Load(const async::Context& context);

 private:
  async::Task<base::Status> StartOne(const async::Context& context,
                                     const config::Component& component);
  async::Task<base::Status> Init(const async::Context& context, const config::Component& component,
                                 const contracts::Descriptor& descriptor,
                                 const config::Properties& properties);
  async::Task<base::Status> FetchSecrets(const async::Context& context, const std::string& store,
                                         const std::vector<config::NameValue>& values);
  async::Task<base::Status> FetchSecret(const async::Context& context, const std::string& store,
                                        const std::string& name);
  async::Task<base::Status> ResolveEndpoint(const async::Context& context,
                                            const config::HttpEndpoint& endpoint);
  config::TemplateContext Template() const;

  const LoaderInput& input_;
  ComponentSet set_;
  // Secrets fetched so far: "store\nname" -> keys. Gone when loading ends.
  std::map<std::string, contracts::Secret> secrets_;
};

}  // namespace runtime
