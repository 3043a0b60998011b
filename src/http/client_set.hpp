// One http::Client for each data loop. Whoever needs to send asks for the one of its own loop.
#pragma once

#include <memory>
#include <vector>

#include "async/loop_group.hpp"
#include "http/client.hpp"

namespace http {

class ClientSet {
 public:
  /// Creates the clients on their loops; blocks the calling (non-loop) thread until that is done.
  ClientSet(async::LoopGroup& loops, const ClientOptions& options) : loops_(loops) {
    clients_.resize(static_cast<std::size_t>(loops.size()));
    for (int i = 0; i < loops.size(); ++i) {
      loops.RunOn(
          i, [&] { clients_[static_cast<std::size_t>(i)] = MakeClient(loops.at(i), options); });
    }
  }
  /// The client of the current loop.
  Client& Here() const {
    return *clients_[static_cast<std::size_t>(async::Loop::Current()->index())];
  }
  /// Ends all clients, giving requests in flight until `grace` has passed.
  void Close(async::Duration grace) {
    for (int i = 0; i < loops_.size(); ++i) {
      loops_.RunTaskOn(i, [&] { return CloseOne(*clients_[static_cast<std::size_t>(i)], grace); });
      loops_.RunOn(i, [&] { clients_[static_cast<std::size_t>(i)].reset(); });
    }
  }

 private:
  static async::Task<void> CloseOne(Client& client, async::Duration grace) {
    const async::Context context(async::Loop::Current()->After(grace));
    co_await client.Close(context);
  }
  async::LoopGroup& loops_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace http
