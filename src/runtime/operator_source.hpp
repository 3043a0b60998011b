// OperatorSource: where an app's Configuration and resources come from in Kubernetes mode: the Dapr
// operator, asked with the app's own identity. Brings what it says into the Instance, at start and
// afterwards. Belongs to the Instance; home loop only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/result.hpp"
#include "control/operator/client.hpp"
#include "runtime/description.hpp"
#include "runtime/identity.hpp"
#include "runtime/services.hpp"
#include "telemetry/log.hpp"

namespace runtime {

class Instance;

class OperatorSource {
 public:
  struct App {
    std::string app_id;
    std::string app_namespace;
    std::string configuration;  // its name; empty = the built-in defaults
    std::shared_ptr<Identity> identity;
  };
  /// The error is about --control-plane-address. Home loop.
  static base::Result<std::shared_ptr<OperatorSource>> Make(const Services& services, App app);

  /// What the app is to start with (control::OperatorClient::Load). The error ends the start.
  async::Task<base::Result<Description>> Load(const async::Context& context);
  /// From now on the Instance gets what changes.
  void Follow(std::weak_ptr<Instance> instance);
  /// Another connection instead of the one that is: who vouched for it is no longer trusted.
  void Reconnect() { client_.Reconnect(); }
  /// Has everything asked again and applied, whatever the Configuration says of HotReload.
  void Ask() { client_.Ask(); }
  /// Must be awaited before destruction.
  async::Task<void> Close();

 private:
  OperatorSource(const Services& services, App app, control::HostPort place);
  async::Task<base::Result<std::vector<http::Origin>>> Locate(const async::Context& context);
  async::Task<void> Apply(control::AppResources told);
  base::Result<config::Configuration> Prepare(config::Configuration configuration) const;

  const Services& services_;
  const App app_;
  const control::HostPort place_;
  const telemetry::Log log_;
  control::OperatorClient client_;
  std::weak_ptr<Instance> instance_;
};

}  // namespace runtime
