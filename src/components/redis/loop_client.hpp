// LoopClient: what a Client is on one loop: routes commands, retries what is safe to retry, follows
// redirections. Own loop's thread only; used through client.hpp.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "components/redis/router.hpp"

namespace components::redis {

class Session;

class LoopClient {
 public:
  /// `options` must outlive it.
  LoopClient(async::Loop& loop, const DialerOptions& options)
      : loop_(loop), dialer_(loop, options), router_(dialer_) {}

  async::Task<base::Status> Run(const async::Context& context, Request& request, Lane lane);
  async::Task<void> RunAll(const async::Context& context, std::span<Request> requests, Lane lane);
  async::Task<base::Result<std::unique_ptr<Session>>> OpenSession(const async::Context& context,
                                                                  std::string_view key,
                                                                  std::size_t max_pushed);
  std::size_t connections() const { return router_.connections(); }
  async::Loop& loop() const { return loop_; }
  async::Task<void> Close();

 private:
  // How the last try of a command went.
  struct Try {
    base::Status status;
    bool sent = false;
    Endpoint asked;
  };
  // The requests of one node, kept by index.
  struct Group {
    Link* link;
    std::vector<std::size_t> members;
  };
  struct Groups {
    LoopClient& client;
    const async::Context& context;
    std::span<Request> requests;
    Lane lane;
    std::vector<Group> groups;
  };

  async::Context Limit(const async::Context& context) const {
    return context.Until(loop_.After(dialer_.settings().read_timeout));
  }
  async::Task<base::Status> Retry(const async::Context& context, Request& request, Lane lane,
                                  Try last);
  async::Task<void> TryOnce(const async::Context& context, Request& request, Lane lane,
                            const std::optional<Redirect>& ask, Try& result);
  bool Heed(const Request& request, Link* link, const Endpoint& asked, std::optional<Redirect>& ask,
            bool& pause);
  async::Task<bool> Pause(const async::Context& context, int attempt);
  async::Task<void> RunTogether(const async::Context& context, std::span<Request> requests,
                                Link& link, Lane lane);
  static async::Task<void> RunGroup(Groups& groups, std::size_t index);

  async::Loop& loop_;
  Dialer dialer_;
  Router router_;
  std::vector<std::weak_ptr<Connection>> sessions_;
};

}  // namespace components::redis
