// NameResolver: where the daprds of an app-id are, and how this process tells others where it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/component.hpp"

namespace contracts {

struct Endpoint {
  std::string host;  // IP address or DNS name
  uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// One app of this process as peers see it.
struct Registration {
  std::string app_id;
  std::string app_namespace;
  std::string address;         // the host address peers can reach
  uint16_t internal_port = 0;  // internal gRPC
};

class NameResolver : public Component {
 public:
  /// The endpoints of an app, at least one. `port` is the internal port to assume where the backend
  /// knows only names. kNotFound when nobody has announced the app.
  virtual async::Task<base::Result<std::vector<Endpoint>>> Resolve(const Call& call,
                                                                   std::string_view app_id,
                                                                   std::string_view app_namespace,
                                                                   uint16_t port) = 0;

  /// Makes an app known and keeps it known until Withdraw or Close. Called on the home loop, for an
  /// app that is known already only if its port has changed; what was announced before is replaced.
  virtual async::Task<base::Status> Announce(const Call& /*call*/, Registration /*registration*/) {
    co_return base::Status();
  }
  /// Takes back an Announce. Called on the home loop. An app that nobody announced is no error.
  virtual async::Task<void> Withdraw(const Call& /*call*/, std::string_view /*app_id*/,
                                     std::string_view /*app_namespace*/) {
    co_return;
  }
};

}  // namespace contracts
