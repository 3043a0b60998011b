// Dialer: opens connections to servers: looks the name up, connects, TLS, AUTH, SELECT. One per
// loop and client.
#pragma once

#include <memory>
#include <string>

#include "components/redis/connection.hpp"
#include "components/redis/settings.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"

namespace components::redis {

enum class Role : uint8_t {
  kAny,       // a server as it is configured
  kMaster,    // must be a master now
  kNode,      // of a cluster: database 0 only
  kSentinel,  // a sentinel: its own credentials, no databases
};

/// Of all loops of one client; immutable.
struct DialerOptions {
  Settings settings;
  std::shared_ptr<const net::TlsContext> tls;  // null = plain
};
base::Result<DialerOptions> MakeDialerOptions(Settings settings);

class Dialer {
 public:
  /// `options` must outlive the dialer.
  Dialer(async::Loop& loop, const DialerOptions& options) : options_(options), resolver_(loop) {}

  /// An open connection that has answered, within the settings' dialTimeout. Errors name the
  /// server: kUnreachable, kTimeout, kUnauthenticated, kUnavailable (loading, not the master) …
  /// `base.name` and `base.limits` are filled in.
  async::Task<base::Result<std::shared_ptr<Connection>>> Open(const async::Context& context,
                                                              const Endpoint& endpoint, Role role,
                                                              Connection::Options base = {});

  /// Asks the sentinels, the one that answered last first, where the master is.
  async::Task<base::Result<Endpoint>> FindMaster(const async::Context& context);

  const Settings& settings() const { return options_.settings; }

 private:
  async::Task<base::Result<std::unique_ptr<net::Stream>>> Connect(const async::Context& context,
                                                                  const Endpoint& endpoint);
  async::Task<base::Status> Introduce(const async::Context& context, Connection& connection,
                                      Role role);
  async::Task<base::Result<Endpoint>> AskSentinel(const async::Context& context,
                                                  const Endpoint& sentinel);

  const DialerOptions& options_;
  net::Resolver resolver_;
  std::size_t sentinel_ = 0;  // the one that answered last
};

/// Whether the error will stay until somebody changes something, so that trying on is no use to
/// those who wait: wrong credentials, wrong database.
bool IsLasting(const base::Error& error);

}  // namespace components::redis
