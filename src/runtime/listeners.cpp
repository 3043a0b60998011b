#include "runtime/listeners.hpp"

#include <algorithm>
#include <numeric>
#include <thread>

#include "base/strings.hpp"

namespace runtime {

Listeners::Listeners(async::LoopGroup& loops, const Handlers& handlers,
                     const http::ServerOptions& http, const http::ServerOptions& grpc,
                     telemetry::Log log)
    : loops_(loops),
      peer_tls_(handlers.peer_tls),
      log_(std::move(log)),
      per_loop_(static_cast<std::size_t>(loops.size())) {
  for (int i = 0; i < loops.size(); ++i) {
    loops.RunOn(i, [&] {
      async::Loop& loop = loops.at(i);
      auto& servers = per_loop_[static_cast<std::size_t>(i)].servers;
      const auto make = [&](Port port, http::Handler* handler, const http::ServerOptions& options) {
        servers[static_cast<std::size_t>(port)] = http::MakeServer(loop, *handler, options);
      };
      make(Port::kHttp, handlers.http, http);
      make(Port::kGrpc, handlers.grpc, grpc);
      make(Port::kInternal, handlers.internal, grpc);
      make(Port::kPublic, handlers.public_api, http);
      make(Port::kScaler, handlers.scaler, grpc);
    });
  }
}

Listeners::~Listeners() {
  CloseAll();
  // A server may only go when its connections have.
  if (!drained_) Drain({});
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] {
      for (auto& server : per_loop_[static_cast<std::size_t>(i)].servers) server.reset();
    });
  }
}

base::Result<uint16_t> Listeners::OpenTcp(Port kind, const std::string& host, uint16_t port,
                                          const std::string& app_id) {
  const Wanted wanted{kind, port};
  if (!app_id.empty()) {
    for (const Group& group : groups_) {
      if (group.tag->app_id == app_id && group.wanted == wanted) return group.bound;
    }
  }
  ASSIGN_OR_RETURN(std::vector<net::Socket> sockets, net::BindTcpShared(host, port, loops_.size()));
  const uint16_t bound = net::LocalPort(sockets.front());
  Add(wanted, std::move(sockets), app_id).bound = bound;
  return bound;
}

const ListenerTag* Listeners::Tag(Port kind, const std::string& app_id) {
  return &tags_.try_emplace({kind, app_id}, ListenerTag{kind, app_id}).first->second;
}

base::Status Listeners::OpenUnix(Port kind, const std::string& path, const std::string& app_id) {
  std::vector<net::Socket> sockets;
  ASSIGN_OR_RETURN(net::Socket first, net::BindUnix(path));
  sockets.push_back(std::move(first));
  while (sockets.size() < static_cast<std::size_t>(loops_.size())) {
    ASSIGN_OR_RETURN(net::Socket more, net::Duplicate(sockets.front()));
    sockets.push_back(std::move(more));
  }
  Add({kind, 0}, std::move(sockets), app_id);
  return {};
}

Listeners::Group& Listeners::Add(const Wanted& wanted, std::vector<net::Socket> sockets,
                                 const std::string& app_id) {
  Group& group = groups_.emplace_back();
  group.wanted = wanted;
  group.tag = Tag(wanted.kind, app_id);
  for (net::Socket& socket : sockets) {
    group.per_loop.push_back(std::make_unique<net::Listener>(std::move(socket)));
  }
  return group;
}

base::Status Listeners::Accept(const Group& group, int loop) {
  const auto at = static_cast<std::size_t>(loop);
  http::Server* server = per_loop_[at].servers[static_cast<std::size_t>(group.tag->port)].get();
  return group.per_loop[at]->Start(
      loops_.at(loop),
      [this, server, tag = group.tag](std::unique_ptr<net::Stream> stream) {
        std::shared_ptr<const net::TlsContext> tls;
        if (tag->port == Port::kInternal && peer_tls_) {
          auto context = peer_tls_(*tag);
          if (!context) {
            log_.RateLimited("no_identity", 1)
                .Warning(base::StrCat("refused a connection to the internal port of app ",
                                      tag->app_id, ": ", context.error().message));
            return;
          }
          tls = std::move(*context);
        }
        server->Serve(std::move(stream), std::move(tls), tag);
      },
      [log = log_](const std::string& warning) { log.Warning(warning); });
}

base::Status Listeners::StartAccepting() {
  // One turn a loop for all of them: each change of thread costs more than the step itself.
  std::vector<base::Status> results(static_cast<std::size_t>(loops_.size()));
  std::vector<std::vector<const Group*>> failed(results.size());
  loops_.RunOnAll([&](int i) {
    const auto at = static_cast<std::size_t>(i);
    for (const Group& group : groups_) {
      if (group.accepting) continue;
      if (auto accepts = Accept(group, i); !accepts) {
        failed[at].push_back(&group);
        results[at] = std::move(accepts);
      }
    }
  });
  base::Status status;
  for (base::Status& result : results) {
    if (!result) status = std::move(result);
  }
  for (Group& group : groups_) group.accepting = true;
  for (const auto& groups : failed) {
    for (const Group* broken : groups) {
      std::erase_if(groups_, [&](Group& group) {
        if (&group != broken) return false;
        CloseGroup(group);
        return true;
      });
    }
  }
  return status;
}

void Listeners::CloseGroup(Group& group) {
  for (int i = 0; i < static_cast<int>(group.per_loop.size()); ++i) {
    loops_.RunOn(i, [&] { group.per_loop[static_cast<std::size_t>(i)].reset(); });
  }
}

void Listeners::CloseApp(const std::string& app_id, const std::vector<Wanted>& keep) {
  std::erase_if(groups_, [&](Group& group) {
    if (group.tag->app_id != app_id) return false;
    if (std::find(keep.begin(), keep.end(), group.wanted) != keep.end()) return false;
    CloseGroup(group);
    return true;
  });
}

void Listeners::RenewPeers(const std::string& app_id) {
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.at(i).Post([this, i, app_id] {
      auto& servers = per_loop_[static_cast<std::size_t>(i)].servers;
      const auto& server = servers[static_cast<std::size_t>(Port::kInternal)];
      if (!server) return;
      server->RenewTls(
          [&](const void* tag) { return static_cast<const ListenerTag*>(tag)->app_id == app_id; });
    });
  }
}

void Listeners::CloseAll() {
  for (Group& group : groups_) CloseGroup(group);
  groups_.clear();
}

namespace {

// Requests whose time is over count as cut off; how many of them the abort then ends is the same
// number.
async::Task<void> DrainServer(http::Server& server, async::TimePoint until, std::size_t& cut) {
  struct AtDeadline : async::Timer {
    explicit AtDeadline(http::Server& server, std::size_t& cut)
        : Timer([](Timer* timer) {
            auto* self = static_cast<AtDeadline*>(timer);
            self->cut += self->server.requests_in_flight();
          }),
          server(server),
          cut(cut) {}
    http::Server& server;
    std::size_t& cut;
  };
  // Armed before Drain arms its own, so that it fires first.
  AtDeadline count(server, cut);
  if (until <= async::Loop::Current()->now()) {
    cut += server.requests_in_flight();
  } else {
    async::Loop::Current()->timers().Arm(count, until);
  }
  const async::Context context(until);
  co_await server.Drain(context);
}

}  // namespace

async::Task<void> Listeners::DrainLoop(PerLoop& part, async::TimePoint until, std::size_t& cut) {
  // Side by side: each Drain returns at the common deadline at the latest.
  async::Gate gate;
  for (auto& server : part.servers) gate.Spawn(DrainServer(*server, until, cut));
  const async::Context patient;
  co_await gate.Close(patient);
}

std::size_t Listeners::Drain(async::Duration grace) {
  drained_ = true;
  const async::TimePoint until = async::Clock::now() + grace;
  std::vector<std::size_t> cut(static_cast<std::size_t>(loops_.size()));
  std::vector<std::thread> threads;
  for (int i = 0; i < loops_.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto at = static_cast<std::size_t>(i);
      loops_.RunTaskOn(i, [&] { return DrainLoop(per_loop_[at], until, cut[at]); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(cut.begin(), cut.end(), std::size_t{0});
}

std::size_t Listeners::requests_in_flight() const {
  std::size_t total = 0;
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] {
      for (const auto& server : per_loop_[static_cast<std::size_t>(i)].servers) {
        total += server->requests_in_flight();
      }
    });
  }
  return total;
}

}  // namespace runtime
