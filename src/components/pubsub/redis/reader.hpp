// Reader: the connection on which a subscription waits for entries, and how that wait is ended
// without losing one: the server is asked to stop waiting (CLIENT UNBLOCK), so that an entry which
// is on its way still arrives. Only if the server does not do so is the connection dropped; what
// was on its way then stays pending at the server. Own loop's thread only.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "async/gate.hpp"
#include "components/pubsub/redis/group.hpp"

namespace components::pubsub::redis {

class Reader {
 public:
  /// `group` must outlive it.
  explicit Reader(const Group& group) : group_(group) {}

  bool is_open() const { return session_ != nullptr; }
  async::Task<base::Status> Open(const async::Context& context);
  /// At most `count` new entries; none if none came within `block` or the wait was interrupted. On
  /// an error the connection is closed.
  async::Task<base::Result<std::vector<Pulled>>> Read(std::size_t count,
                                                      std::chrono::milliseconds block);
  /// Ends a Read that is under way, soon.
  void Interrupt();
  /// Takes an Interrupt back that has not been carried out.
  void Continue() { interrupted_ = false; }
  async::Task<void> Close();
  /// After the last Read has ended, before it is destroyed.
  async::Task<void> End();

 private:
  async::Task<void> Unblock();

  const Group& group_;
  std::unique_ptr<components::redis::Session> session_;
  std::string client_id_;                 // of the connection, at its server; empty = unknown
  async::CancelToken* cancel_ = nullptr;  // of the Read that is under way
  async::Event ended_;                    // a Read did
  bool interrupted_ = false;
  bool unblocking_ = false;
  async::Gate gate_;
};

}  // namespace components::pubsub::redis
