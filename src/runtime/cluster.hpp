// Cluster: the Kubernetes API as the process uses it, if there is one: its connection, and what is
// followed there for the whole process. Made by the Host, outlives all Instances. Home loop, except
// where said.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/gate.hpp"
#include "base/result.hpp"
#include "config/options.hpp"
#include "contracts/text_store.hpp"
#include "control/kube/api.hpp"
#include "control/kube/service_name.hpp"
#include "http/client_set.hpp"
#include "net/resolver.hpp"
#include "runtime/trust_anchors.hpp"
#include "target/target.hpp"
#include "telemetry/log.hpp"

namespace runtime {

class Cluster {
 public:
  /// Nothing is read or connected before it is needed.
  Cluster(const config::Options& options, const config::Env& env, http::ClientSet& clients,
          std::function<net::Resolver&()> resolver, telemetry::Log log);
  ~Cluster();

  /// The connection. The error says what is missing; it stays for the life of the process. Blocks
  /// for small files the first time.
  base::Result<control::kube::Api*> api();
  /// Of the own pod, as Kubernetes names it: NAMESPACE, else what the service account or kubeconfig
  /// says, else "default".
  std::string own_namespace();

  /// Publishes the control plane's trust bundle (ConfigMap dapr-trust-bundle, key ca.crt) to
  /// `anchors`, from now on and after each change, until Close. What cannot be had is logged once,
  /// and asked for again. Where `anchors` are empty, waits for the bundle for up to half a minute;
  /// the error says what is missing. A thread that is no loop's.
  base::Status OpenTrustBundle(async::LoopGroup& loops, std::shared_ptr<TrustAnchors> anchors);

  /// Keeps `target` at the endpoints of the Service that its host names, as its EndpointSlices say,
  /// until the context ends; as long as these cannot be had, name resolution serves. Ends at once
  /// if the host can be no Service.
  async::Task<void> FollowEndpoints(async::Context context, target::Target& target,
                                    telemetry::Log log);

  /// One text in ConfigMap `name` of the own namespace. `key` names it there, `app_id` its owner.
  base::Result<std::unique_ptr<contracts::TextStore>> OpenConfigMap(const std::string& name,
                                                                    const std::string& key,
                                                                    const std::string& app_id);

  /// Ends what is followed. Must be awaited before the clients close.
  async::Task<void> Close();

 private:
  async::Task<void> FetchTrustBundle(TrustAnchors& anchors, base::Status& status);
  async::Task<void> WatchTrustBundle(std::shared_ptr<TrustAnchors> anchors);
  std::string TrustBundleName() const;

  const config::Options& options_;
  const config::Env& env_;
  http::ClientSet& clients_;
  const std::function<net::Resolver&()> resolver_;
  const telemetry::Log log_;
  std::unique_ptr<control::kube::Api> api_;
  base::Status missing_;
  bool looked_ = false;
  async::Gate gate_;
};

}  // namespace runtime
