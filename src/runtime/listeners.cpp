#include "runtime/listeners.hpp"

#include "base/strings.hpp"

namespace runtime {

Listeners::Listeners(async::LoopGroup& loops, const Handlers& handlers,
                     const http::ServerOptions& http, const http::ServerOptions& grpc,
                     telemetry::Log log)
    : loops_(loops), log_(std::move(log)), per_loop_(static_cast<std::size_t>(loops.size())) {
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
    });
  }
}

Listeners::~Listeners() {
  CloseAll();
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] {
      for (auto& server : per_loop_[static_cast<std::size_t>(i)].servers) server.reset();
    });
  }
}

base::Result<uint16_t> Listeners::OpenTcp(Port kind, const std::string& host, uint16_t port,
                                          const std::string& app_id) {
  ASSIGN_OR_RETURN(std::vector<net::Socket> sockets,
                   net::BindTcpShared(host, port, loops_.size()));
  const uint16_t bound = net::LocalPort(sockets.front());
  RETURN_IF_ERROR(Serve(kind, std::move(sockets), app_id));
  return bound;
}

base::Status Listeners::OpenUnix(Port kind, const std::string& path, const std::string& app_id) {
  std::vector<net::Socket> sockets;
  ASSIGN_OR_RETURN(net::Socket first, net::BindUnix(path));
  sockets.push_back(std::move(first));
  while (sockets.size() < static_cast<std::size_t>(loops_.size())) {
    ASSIGN_OR_RETURN(net::Socket more, net::Duplicate(sockets.front()));
    sockets.push_back(std::move(more));
  }
  return Serve(kind, std::move(sockets), app_id);
}

base::Status Listeners::Serve(Port kind, std::vector<net::Socket> sockets,
                              const std::string& app_id) {
  Group& group = groups_.emplace_back();
  group.tag = std::make_unique<ListenerTag>(ListenerTag{kind, app_id});
  base::Status status;
  for (int i = 0; i < loops_.size(); ++i) {
    group.per_loop.push_back(
        std::make_unique<net::Listener>(std::move(sockets[static_cast<std::size_t>(i)])));
    loops_.RunOn(i, [&] {
      http::Server* server =
          per_loop_[static_cast<std::size_t>(i)].servers[static_cast<std::size_t>(kind)].get();
      auto started = group.per_loop.back()->Start(
          loops_.at(i),
          [server, tag = group.tag.get()](std::unique_ptr<net::Stream> stream) {
            server->Serve(std::move(stream), nullptr, tag);
          },
          [log = log_](const std::string& warning) { log.Warning(warning); });
      if (!started) status = std::move(started);
    });
  }
  return status;
}

void Listeners::CloseGroup(Group& group) {
  for (int i = 0; i < static_cast<int>(group.per_loop.size()); ++i) {
    loops_.RunOn(i, [&] { group.per_loop[static_cast<std::size_t>(i)].reset(); });
  }
  retired_tags_.push_back(std::move(group.tag));
}

void Listeners::CloseApp(const std::string& app_id) {
  std::erase_if(groups_, [&](Group& group) {
    if (group.tag->app_id != app_id) return false;
    CloseGroup(group);
    return true;
  });
}

void Listeners::CloseAll() {
  for (Group& group : groups_) CloseGroup(group);
  groups_.clear();
}

async::Task<void> Listeners::DrainLoop(PerLoop& part, async::Duration grace) {
  // Side by side: each Drain returns at the common deadline at the latest.
  const async::Context context(async::Loop::Current()->After(grace));
  async::Gate gate;
  for (auto& server : part.servers) gate.Spawn(server->Drain(context));
  const async::Context patient;
  co_await gate.Close(patient);
}

void Listeners::Drain(async::Duration grace) {
  std::vector<std::thread> threads;
  for (int i = 0; i < loops_.size(); ++i) {
    threads.emplace_back([this, i, grace] {
      loops_.RunTaskOn(i, [&] { return DrainLoop(per_loop_[static_cast<std::size_t>(i)], grace); });
    });
  }
  for (std::thread& thread : threads) thread.join();
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
