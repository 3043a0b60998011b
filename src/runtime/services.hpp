// What a process gives to each of its Instances. Owned by the Host; outlives them all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/loop_group.hpp"
#include "blocks/invoke/access.hpp"
#include "blocks/invoke/peer_directory.hpp"
#include "config/env.hpp"
#include "config/options.hpp"
#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"
#include "http/client_set.hpp"
#include "net/resolver.hpp"
#include "telemetry/log.hpp"
#include "telemetry/registry.hpp"

namespace runtime {

class Cluster;
class ControlPlane;

struct Services {
  const config::Options& options;
  const config::Env& env;
  async::LoopGroup& loops;
  http::ClientSet& clients;
  /// The DNS resolver of the current loop.
  std::function<net::Resolver&()> dns;
  telemetry::Registry& metrics;
  const contracts::Registry& components;
  /// Finds other daprds; null if it could not be set up (invocations of other apps then fail).
  std::shared_ptr<contracts::NameResolver> names;
  /// Peers' addresses, cached in front of `names`.
  std::shared_ptr<blocks::invoke::PeerDirectory> peers;
  /// Addresses of hosts named in URLs and HTTPEndpoints.
  blocks::invoke::AddressLookup lookup;
  /// The Kubernetes API; never null.
  Cluster* cluster = nullptr;
  /// Connections to placement and the scheduler; never null.
  ControlPlane* control_plane = nullptr;
  /// Finds apps of this process.
  const blocks::invoke::LocalApps* local_apps = nullptr;
  /// The address peers reach this process by.
  std::string host_address;
  std::string host_name;
  std::string runtime_version;
  /// Ends the process as SIGTERM does; `force`: with exit code 1, at once.
  std::function<void(bool force)> request_shutdown;
};

}  // namespace runtime
