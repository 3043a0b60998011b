// Link: the way to the broker for one loop and one purpose: opens a connection when somebody needs
// it, and another when it breaks, with a growing, jittered pause between attempts. Own loop's
// thread only.
//
// Publishers and consumers have a link each: a broker that is short of memory stops reading from
// connections that publish, and acknowledgements must not wait behind that.
#pragma once

#include <memory>
#include <optional>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "components/rabbitmq/connection.hpp"
#include "components/rabbitmq/settings.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"

namespace components::rabbitmq {

/// Of all loops of one client; immutable.
struct DialOptions {
  Settings settings;
  std::shared_ptr<const net::TlsContext> tls;  // null = plain
};
/// kInvalidArgument on certificates that cannot work.
base::Result<DialOptions> MakeDialOptions(Settings settings);

class Link {
 public:
  /// Both must outlive it.
  Link(const DialOptions& options, net::Resolver& resolver)
      : options_(options), resolver_(resolver) {}

  /// Waits for a connection: for `attempts` that fail, or one whose failure will last (wrong
  /// credentials), or the context. The errors name the broker.
  async::Task<base::Result<std::shared_ptr<Connection>>> Get(const async::Context& context,
                                                             int attempts);
  /// The open connection or null.
  Connection* ready() const {
    return connection_ && !connection_->broken() ? connection_.get() : nullptr;
  }

  /// Ends it; everybody who waits gets an error. Must be awaited before it is destroyed.
  async::Task<void> Close();

 private:
  async::Task<void> Connect();
  async::Task<base::Result<std::shared_ptr<Connection>>> Open(const async::Context& context);
  async::Task<base::Result<std::unique_ptr<net::Stream>>> Dial(const async::Context& context);

  const DialOptions& options_;
  net::Resolver& resolver_;
  std::shared_ptr<Connection> connection_;
  std::optional<base::Error> last_error_;
  uint64_t attempts_ = 0;
  int failures_ = 0;  // in a row
  async::TimePoint next_attempt_{};
  bool connecting_ = false;
  int waiting_ = 0;
  async::Event changed_;
  async::Gate gate_;
};

/// Whether the error stays until somebody changes something.
bool IsLasting(const base::Error& error);

}  // namespace components::rabbitmq
