// Client: a redis component's way to its server or servers, from any loop.
//
// Each loop has its own connections (one a server; a second one for commands that make the server
// wait), opened when they are first needed and shared by all callers of that loop: commands of one
// turn of the loop go out in one write, answers come back in order. Made in a component's Init,
// closed in its Close.
//
// What is repeated: a command that was surely not carried out (never sent, refused because the
// server is loading, moving or a replica) up to redisMaxRetries times; one that may have been, only
// if its request says that it is repeatable. Everything ends by the context's deadline, and by
// readTimeout after it was sent.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string_view>

#include "components/redis/connection.hpp"
#include "components/redis/router.hpp"
#include "components/redis/session.hpp"
#include "components/redis/settings.hpp"

namespace components::redis {

class LoopClient;

class Client {
 public:
  /// kInvalidArgument on settings that cannot work (certificates). Connects to nothing.
  static base::Result<std::unique_ptr<Client>> Make(Settings settings);
  /// Close must have been awaited.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const Settings& settings() const { return options_.settings; }

  /// Runs one command. Success: `request.reply` holds the server's answer, which may be an error of
  /// the server; see Call.
  async::Task<base::Status> Run(const async::Context& context, Request& request,
                                Lane lane = Lane::kFast);
  /// Runs many in one go (in a cluster one go a node). Each request has its own status afterwards.
  /// Those with keys of one node are carried out in their order.
  async::Task<void> RunAll(const async::Context& context, std::span<Request> requests,
                           Lane lane = Lane::kFast);
  /// Run for those who take an error of the server as an error.
  async::Task<base::Result<Reply>> Call(const async::Context& context, std::span<const Arg> args,
                                        std::string_view key = {}, bool repeatable = false);

  /// A connection of the caller's own on this loop, to the server of `key`. `max_pushed` > 0 makes
  /// it fit for subscriptions: that many messages are kept before the server is kept waiting.
  async::Task<base::Result<std::unique_ptr<Session>>> OpenSession(const async::Context& context,
                                                                  std::string_view key = {},
                                                                  std::size_t max_pushed = 0);

  /// Reaches the server (one node of a cluster).
  async::Task<base::Status> Ping(const async::Context& context);

  /// Open shared connections of this loop, for tests and metrics.
  std::size_t connections();
  /// Ends everything on all loops. After it nothing may be called.
  async::Task<void> Close(const async::Context& context);

 private:
  static constexpr std::size_t kMaxLoops = 64;

  explicit Client(DialerOptions options) : options_(std::move(options)) {}
  LoopClient& Here();

  const DialerOptions options_;
  // By the loop's index; each is made, used and destroyed on its loop.
  std::array<std::atomic<LoopClient*>, kMaxLoops> loops_{};
};

}  // namespace components::redis
