// Session: a connection that its owner has for itself: for commands that block (XREADGROUP), for
// subscriptions, for MULTI with WATCH. It does not come back by itself: when it breaks, the owner
// opens another. One loop; Close must be awaited before it is destroyed.
#pragma once

#include <memory>

#include "components/redis/connection.hpp"

namespace components::redis {

class Session {
 public:
  explicit Session(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  /// Sends one command and waits for its answer as long as the context allows: give a deadline
  /// beyond what the command itself may block. An error of the server is a failed Result.
  async::Task<base::Result<Reply>> Run(const async::Context& context, std::span<const Arg> args);

  /// For subscriptions (sessions opened with room for pushed messages). The answers to SUBSCRIBE
  /// and its like come through Receive too, in order. Do not mix with Run.
  base::Status SendOnly(std::span<const Arg> args) { return connection_->SendOnly(args); }
  async::Task<base::Result<Reply>> Receive(const async::Context& context) {
    return connection_->Receive(context);
  }

  bool broken() const { return connection_->broken(); }
  async::Task<void> Close() { return connection_->Close(); }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace components::redis
