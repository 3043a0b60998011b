// Link: the way to one server for one loop: keeps a connection open while somebody needs it, and
// opens another when it breaks, with a growing, jittered pause between attempts. Own loop's thread
// only.
#pragma once

#include <memory>

#include "components/redis/dialer.hpp"

namespace components::redis {

class Link {
 public:
  struct Target {
    Endpoint endpoint;  // unless role is kMaster, whom the sentinels name
    Role role = Role::kAny;
  };
  Link(Dialer& dialer, Target target);

  /// The open connection, or null: then wait with Get.
  Connection* ready() const {
    return connection_ && !connection_->broken() ? connection_.get() : nullptr;
  }
  /// Waits for a connection: through as many attempts as the settings grant, at most dialTimeout.
  /// Once a server has been away for that many attempts, callers wait for one attempt only. The
  /// pointer is good until the next wait.
  async::Task<base::Result<Connection*>> Get(const async::Context& context);
  /// Gives the connection up, because its server is not what it was (a replica now). Not more
  /// often than once a second.
  void Renew(const base::Error& why);

  /// How often a connection could not be opened, since one last could.
  int failures() const { return failures_; }
  const Target& target() const { return target_; }

  /// Ends it; everybody who waits gets an error. Must be awaited before it is destroyed.
  async::Task<void> Close();

 private:
  async::Task<void> Keep();
  async::Task<base::Result<std::shared_ptr<Connection>>> Open(const async::Context& context);
  async::Duration Pause() const;

  Dialer& dialer_;
  const Target target_;
  std::shared_ptr<Connection> connection_;
  std::optional<base::Error> last_error_;
  int failures_ = 0;
  uint64_t attempts_ = 0;
  async::TimePoint next_attempt_{};
  async::TimePoint next_renewal_{};
  std::size_t waiting_ = 0;
  bool keeping_ = false;
  async::Event wanted_;
  async::Event changed_;
  async::Gate gate_;
};

}  // namespace components::redis
