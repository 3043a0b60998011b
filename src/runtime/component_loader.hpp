// Brings the components of one app to life: secret stores first (one that another takes its secrets
// from before that one), then the rest in the order of the resources, each within its own time
// limit. What refers to a secret store that is not there waits for a reload that brings it. At a
// reload it takes over what has not changed. Runs on the Instance's home loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
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
#include "net/tls.hpp"
#include "runtime/retirement.hpp"
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

/// One component and what it was made from.
struct LiveComponent {
  using Object =
      std::variant<std::shared_ptr<contracts::StateStore>, std::shared_ptr<contracts::PubSub>,
                   std::shared_ptr<contracts::SecretStore>>;
  config::Component resource;
  config::Properties properties;  // with secrets filled in
  LoadedComponent info;
  Object object;
  bool stale = false;  // it should have been started anew and could not
};

/// An HTTPEndpoint with its secrets filled in.
struct ResolvedHttpEndpoint {
  config::HttpEndpoint resource;
  std::string name;
  std::string base_url;
  bool stale = false;  // it should have been resolved anew and could not
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<const net::TlsContext> tls;  // null: the system's authorities
};

/// All components of one app. What no set has any more is closed and freed on the home loop.
class ComponentSet {
 public:
  std::vector<blocks::state::NamedStore> state_stores;     // in load order
  std::vector<blocks::pubsub::NamedPubSub> pubsubs;        // in load order
  std::vector<blocks::secrets::NamedStore> secret_stores;  // in load order
  std::vector<LiveComponent> live;  // secret stores first, then in load order
  std::vector<ResolvedHttpEndpoint> http_endpoints;

  /// The secret store of that name, or null.
  contracts::SecretStore* FindSecretStore(std::string_view name) const;
  const LiveComponent* Find(std::string_view name) const;
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
  Retirement& retirement;
  // At a reload.
  const ComponentSet* before = nullptr;
  bool secrets_changed = false;  // ask secret stores again for all that came from there
};

class ComponentLoader {
 public:
  explicit ComponentLoader(const LoaderInput& input) : input_(input) {}

  /// Starts everything. Fails on the first component that cannot start and does not say
  /// `ignoreErrors`. The error text is the one Dapr prints (facts: flags, start-up error texts).
  /// With a set `before`: takes over what has not changed, starts the rest beside it, and never
  /// fails: what cannot start is logged and stays as it was before, if it was there.
  async::Task<base::Result<ComponentSet>> Load(const async::Context& context);
  /// Whether something could not be brought in line, so that another try may be worth while.
  bool incomplete() const { return incomplete_; }

 private:
  async::Task<base::Status> StartAll(const async::Context& context);
  std::vector<const config::Component*> InOrder() const;
  bool WaitsForSecretStore(const config::Component& component) const;
  async::Task<base::Status> StartOne(const async::Context& context,
                                     const config::Component& component);
  base::Status StayAsBefore(const config::Component& component, const base::Error& error);
  bool MustAskAgain(const std::string& auth_secret_store,
                    const std::vector<config::NameValue>& values) const;
  async::Task<base::Result<LiveComponent::Object>> Init(const async::Context& context,
                                                        const config::Component& component,
                                                        const contracts::Descriptor& descriptor,
                                                        const config::Properties& properties);
  base::Status Place(LiveComponent live);
  async::Task<base::Status> FetchSecrets(const async::Context& context, const std::string& store,
                                         const std::vector<config::NameValue>& values);
  async::Task<base::Status> FetchSecret(const async::Context& context, const std::string& store,
                                        const std::string& name);
  async::Task<base::Status> TakeEndpoint(const async::Context& context,
                                         const config::HttpEndpoint& endpoint);
  async::Task<base::Result<ResolvedHttpEndpoint>> ResolveEndpoint(
      const async::Context& context, const config::HttpEndpoint& endpoint);
  config::TemplateContext Template() const;

  const LoaderInput& input_;
  ComponentSet set_;
  bool incomplete_ = false;
  // Secrets fetched so far: "store\nname" -> keys. Gone when loading ends.
  std::map<std::string, contracts::Secret> secrets_;
};

}  // namespace runtime
