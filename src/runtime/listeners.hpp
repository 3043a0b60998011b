// The server side of the process: one http::Server a loop and kind of port, and the listening
// sockets that feed them. Opened and closed from the thread that runs the Host (never a loop's).
#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"
#include "runtime/instance_table.hpp"
#include "telemetry/log.hpp"

namespace runtime {

class Listeners {
 public:
  struct Handlers {
    http::Handler* http;
    http::Handler* grpc;
    http::Handler* internal;
    http::Handler* public_api;
    http::Handler* scaler;
    /// TLS for the next connection to an internal port, null for plaintext; an error refuses it. On
    /// the connection's loop. Empty: all in plaintext.
    std::function<base::Result<std::shared_ptr<const net::TlsContext>>(const ListenerTag&)>
        peer_tls;
  };
  Listeners(async::LoopGroup& loops, const Handlers& handlers, const http::ServerOptions& http,
            const http::ServerOptions& grpc, telemetry::Log log);
  ~Listeners();

  /// A port as it was asked for: 0 = any free one.
  struct Wanted {
    Port kind;
    uint16_t port;
    bool operator==(const Wanted&) const = default;
  };

  /// Binds a socket for every loop; callers queue there until StartAccepting. Port 0 takes a free
  /// one; the port in use is returned. `app_id` as in ListenerTag. An app that listens already on
  /// what is wanted goes on as it is.
  base::Result<uint16_t> OpenTcp(Port kind, const std::string& host, uint16_t port,
                                 const std::string& app_id);
  base::Status OpenUnix(Port kind, const std::string& path, const std::string& app_id);
  /// Serves what was opened since the last call, all of it in one turn of each loop. What cannot be
  /// served is closed, and the first error returned.
  base::Status StartAccepting();
  /// Stops the listeners of one app that has ports of its own, but for those in `keep`.
  void CloseApp(const std::string& app_id, const std::vector<Wanted>& keep);
  /// Ends the TLS connections of an app's peers gracefully, so that they shake hands again. Any
  /// thread; done a little later.
  void RenewPeers(const std::string& app_id);
  /// Stops accepting everywhere.
  void CloseAll();
  /// Ends all connections: what is in flight may finish until `grace` has passed.
  /// Returns how many requests were cut off then.
  std::size_t Drain(async::Duration grace);

  std::size_t requests_in_flight() const;

 private:
  static constexpr std::size_t kKinds = 5;
  struct Group {
    const ListenerTag* tag = nullptr;
    Wanted wanted{};
    uint16_t bound = 0;
    bool accepting = false;
    std::vector<std::unique_ptr<net::Listener>> per_loop;
  };
  struct PerLoop {
    std::array<std::unique_ptr<http::Server>, kKinds> servers;
  };
  Group& Add(const Wanted& wanted, std::vector<net::Socket> sockets, const std::string& app_id);
  base::Status Accept(const Group& group, int loop);
  const ListenerTag* Tag(Port kind, const std::string& app_id);
  void CloseGroup(Group& group);
  static async::Task<void> DrainLoop(PerLoop& part, async::TimePoint until, std::size_t& cut);

  async::LoopGroup& loops_;
  const decltype(Handlers::peer_tls) peer_tls_;
  telemetry::Log log_;
  std::vector<PerLoop> per_loop_;
  std::list<Group> groups_;
  bool drained_ = false;
  // Kept for good: connections of listeners that are closed may still be open.
  std::map<std::pair<Port, std::string>, ListenerTag> tags_;
};

}  // namespace runtime
