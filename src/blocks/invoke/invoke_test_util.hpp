// A small world on one loop for tests of invocation: apps, runtimes and callers over real sockets.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/loop_group.hpp"
#include "blocks/invoke/grpc_proxy.hpp"
#include "blocks/invoke/internal_service.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "grpc/client.hpp"
#include "grpc/server.hpp"
#include "http/client_set.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace blocks::invoke::test {

using std::chrono::milliseconds;

/// A server on loop 0 of the group.
class RunningServer {
 public:
  RunningServer(async::LoopGroup& loops, http::Handler& handler, uint16_t fixed_port = 0)
      : loops_(loops) {
    loops_.RunOn(0, [&] {
      server_ = http::MakeServer(*async::Loop::Current(), handler);
      auto socket = net::BindTcp("127.0.0.1", fixed_port);
      ASSERT_TRUE(socket) << socket.error().message;
      listener_ = std::make_unique<net::Listener>(std::move(*socket));
      ASSERT_TRUE(
          listener_->Start(*async::Loop::Current(), [this](std::unique_ptr<net::Stream> stream) {
            server_->Serve(std::move(stream), nullptr, nullptr);
          }));
      port = listener_->port();
    });
  }
  ~RunningServer() { Stop(); }
  /// Cuts everything.
  void Stop() {
    if (!server_) return;
    loops_.RunOn(0, [this] { listener_.reset(); });
    loops_.RunTaskOn(0, [this] { return Drain(); });
    loops_.RunOn(0, [this] { server_.reset(); });
  }
  /// The same from inside the loop.
  async::Task<void> Drain() {
    listener_.reset();
    const async::Context now(async::Loop::Current()->After(milliseconds(1)));
    co_await server_->Drain(now);
  }
  uint16_t port = 0;

 private:
  async::LoopGroup& loops_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

/// An app made of a function.
struct FunctionApp final : http::Handler {
  std::function<async::Task<void>(http::Exchange&)> serve;
  async::Task<void> Handle(http::Exchange& exchange) override { return serve(exchange); }
};

/// One fixed address.
class FixedTarget final : public contracts::AppTarget {
 public:
  FixedTarget(http::ClientSet& clients, contracts::AppProtocol protocol)
      : clients_(clients), protocol_(protocol) {}
  contracts::AppProtocol protocol() const override { return protocol_; }
  bool configured() const override { return port != 0; }
  contracts::TargetState state() const override { return contracts::TargetState::kReady; }
  async::Task<base::Result<contracts::AppResponse>> Send(const async::Context& context,
                                                         http::RequestHead head, http::Body* body,
                                                         http::InterimObserver* interim) override {
    http::Origin origin;
    origin.address = *net::Address::FromIp("127.0.0.1", port);
    origin.protocol = protocol_ == contracts::AppProtocol::kHttp ? http::Protocol::kHttp1
                                                                 : http::Protocol::kHttp2;
    head.authority = origin.address.ToString();
    auto response = co_await clients_.Here().Send(context, origin, std::move(head), body, interim);
    if (!response) co_return std::unexpected(std::move(response).error());
    ++open;
    co_return contracts::AppResponse{
        std::move(*response),
        std::shared_ptr<void>(this, [](void* self) { --static_cast<FixedTarget*>(self)->open; })};
  }
  void ReportUnavailable() override {}

  uint16_t port = 0;
  int open = 0;  // responses not yet dropped

 private:
  http::ClientSet& clients_;
  const contracts::AppProtocol protocol_;
};

/// What the test says where apps are.
class TableResolver final : public contracts::NameResolver {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolve(
      const contracts::Call&, std::string_view app_id, std::string_view app_namespace,
      uint16_t) override {
    ++asked;
    const auto found = table.find(std::string(app_id) + "." + std::string(app_namespace));
    if (found == table.end()) {
      co_return base::Fail(base::Kind::kNotFound, "couldn't find service: " + std::string(app_id));
    }
    co_return found->second;
  }
  std::map<std::string, std::vector<contracts::Endpoint>> table;
  int asked = 0;
};

struct LocalTable final : LocalApps {
  std::shared_ptr<Callee> Find(std::string_view app_id, std::string_view) const override {
    const auto found = table.find(std::string(app_id));
    return found == table.end() ? nullptr : found->second;
  }
  std::map<std::string, std::shared_ptr<Callee>> table;
};

struct World {
  World() {}
  ~World() { clients.Close(milliseconds(50)); }
  async::LoopGroup loops{1};
  http::ClientSet clients{loops, http::ClientOptions{}};
  std::shared_ptr<TableResolver> resolver = std::make_shared<TableResolver>();
  LocalTable local;
};

/// One app-id with its runtime: app, callee, internal port, caller side and API port for gRPC.
struct Node {
  Node(World& world, std::string app_id,
       contracts::AppProtocol protocol = contracts::AppProtocol::kHttp,
       std::function<void(InvokeOptions&, CalleeOptions&)> adjust = {})
      : world(world), target(world.clients, protocol) {
    CalleeOptions callee_options;
    callee_options.app_id = app_id;
    callee_options.app_namespace = "ns";
    callee_options.target = &target;
    InvokeOptions options;
    options.app_id = app_id;
    options.app_namespace = "ns";
    options.host_address = "10.0.0.1";
    options.host_name = "node";
    options.retry_wait = milliseconds(5);
    if (adjust) adjust(options, callee_options);
    callee = std::make_shared<Callee>(callee_options);
    internal = std::make_unique<InternalService>(callee);
    block = std::make_unique<InvokeBlock>(
        options, InvokeServices{.loops = world.loops,
                                .clients = world.clients,
                                .peers = std::make_shared<PeerDirectory>(
                                    world.loops, world.resolver, nullptr, 50002),
                                .lookup = nullptr,
                                .self = callee,
                                .local_apps = &world.local,
                                .security = nullptr,
                                .metrics = callee_options.metrics});
    inbound = std::make_unique<GrpcProxy>(*block, nullptr, GrpcProxy::Side::kInternal);
    outbound = std::make_unique<GrpcProxy>(*block, nullptr, GrpcProxy::Side::kApi);
    internal_grpc = std::make_unique<grpc::Service>(grpc::Service::Options{
        .max_message = 4 << 20, .observer = nullptr, .fallback = inbound.get()});
    internal->Register(*internal_grpc);
    api_grpc = std::make_unique<grpc::Service>(grpc::Service::Options{
        .max_message = 4 << 20, .observer = nullptr, .fallback = outbound.get()});
  }
  /// Starts the app.
  void Serve(std::function<async::Task<void>(http::Exchange&)> serve) {
    app.serve = std::move(serve);
    Serve(app);
  }
  void Serve(http::Handler& handler) {
    app_server = std::make_unique<RunningServer>(world.loops, handler);
    target.port = app_server->port;
  }
  /// Opens the internal port and makes it known.
  void Open() {
    internal_server = std::make_unique<RunningServer>(world.loops, *internal_grpc);
    world.resolver->table[callee->app_id() + ".ns"] = {{"127.0.0.1", internal_server->port}};
  }
  void OpenApi() { api_server = std::make_unique<RunningServer>(world.loops, *api_grpc); }

  World& world;
  FixedTarget target;
  FunctionApp app;
  std::shared_ptr<Callee> callee;
  std::unique_ptr<InternalService> internal;
  std::unique_ptr<InvokeBlock> block;
  std::unique_ptr<GrpcProxy> inbound;
  std::unique_ptr<GrpcProxy> outbound;
  std::unique_ptr<grpc::Service> internal_grpc;
  std::unique_ptr<grpc::Service> api_grpc;
  std::unique_ptr<RunningServer> app_server;
  std::unique_ptr<RunningServer> internal_server;
  std::unique_ptr<RunningServer> api_server;
};

/// What a whole invocation came to.
struct Answer {
  bool ok = false;
  std::string error;
  base::ErrorId error_id = base::ErrorId::kNone;
  InvokeResponse response;  // without body
  std::string body;
  std::string body_error;
  http::Headers trailers;
};

inline async::Task<void> InvokeTask(InvokeBlock& block, InvokeRequest request,
                                    async::Duration patience, Answer& answer) {
  async::CancelToken token;
  contracts::Call call(async::Context(async::Loop::Current()->After(patience), &token));
  auto response = co_await block.Invoke(call, std::move(request));
  if (!response) {
    answer.error = response.error().message;
    answer.error_id = response.error().id;
    co_return;
  }
  answer.ok = true;
  while (true) {
    auto chunk = co_await http::NextChunk(*response->body, call);
    if (!chunk) {
      answer.body_error = chunk.error().message;
      break;
    }
    if (!*chunk) break;
    answer.body += **chunk;
  }
  if (const http::Headers* trailers = response->body->trailers()) answer.trailers = *trailers;
  answer.response.status = response->status;
  answer.response.grpc_code = response->grpc_code;
  answer.response.grpc_message = response->grpc_message;
  answer.response.grpc_details = response->grpc_details;
  answer.response.headers = response->headers;
  answer.response.content_type = response->content_type;
}

inline Answer Invoke(Node& node, InvokeRequest request,
                     async::Duration patience = std::chrono::seconds(20)) {
  Answer answer;
  node.world.loops.RunTaskOn(
      0, [&] { return InvokeTask(*node.block, std::move(request), patience, answer); });
  return answer;
}

inline InvokeRequest Request(std::string target, std::string verb, std::string method,
                             http::Body* body = nullptr) {
  InvokeRequest request;
  request.target = std::move(target);
  request.verb = std::move(verb);
  request.method = std::move(method);
  request.body = body;
  return request;
}

}  // namespace blocks::invoke::test
