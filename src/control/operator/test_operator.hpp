// An operator for tests: lists what it was given, streams what it is told to, refuses on demand.
// Everything happens on one loop.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "control/operator/protocol.hpp"
#include "grpc/server.hpp"
#include "grpc/test_wire.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace control::test {

class TestOperator {
 public:
  /// Serves on the current loop; port 0 = any.
  explicit TestOperator(uint16_t port = 0) : service_({}) {
    for (const ResourceKind kind : kResourceKinds) {
      service_.Add(std::string(ListPath(kind)),
                   {.unary = [this, kind](grpc::ServerCall& call, std::string request) {
                     return List(kind, call, std::move(request));
                   }});
      service_.Add(
          std::string(UpdatePath(kind)),
          {.stream = [this, kind](grpc::ServerStream& stream) { return Follow(kind, stream); }});
    }
    async::Loop& loop = *async::Loop::Current();
    server_ = http::MakeServer(loop, service_);
    auto socket = net::BindTcp("127.0.0.1", port);
    EXPECT_TRUE(socket) << socket.error().message;
    listener_ = std::make_unique<net::Listener>(std::move(socket.value()));
    EXPECT_TRUE(listener_->Start(loop, [this](std::unique_ptr<net::Stream> stream) {
      ++accepted_;
      server_->Serve(std::move(stream), nullptr, nullptr);
    }));
  }

  net::Address address() const { return listener_->address(); }
  uint16_t port() const { return listener_->address().port(); }

  void Set(ResourceKind kind, std::vector<std::string> objects) {
    of(kind).objects = std::move(objects);
  }
  void Refuse(ResourceKind kind, std::optional<grpc::Status> status) { of(kind).refusal = status; }
  void RefuseStream(ResourceKind kind, grpc::Status status) { of(kind).no_stream = status; }
  /// Nothing is answered any more.
  void Hang(bool hang) { hang_ = hang; }
  void Send(ResourceKind kind, EventType type, std::string object) {
    of(kind).events.push_back(grpc::test::Bytes(1, object) +
                              grpc::test::Number(2, static_cast<uint64_t>(type)));
    of(kind).news.Pulse();
  }
  int lists(ResourceKind kind) { return of(kind).lists; }
  int streams(ResourceKind kind) { return of(kind).streams; }
  int accepted() const { return accepted_; }  // connections
  const std::string& last_request(ResourceKind kind) { return of(kind).last_request; }

  async::Task<void> Stop() {
    listener_.reset();
    co_await server_->Drain(async::Context(async::Loop::Current()->now()));
  }

 private:
  struct Kind {
    std::vector<std::string> objects;
    std::optional<grpc::Status> refusal;
    std::optional<grpc::Status> no_stream;
    std::vector<std::string> events;
    async::Event news;
    int lists = 0;
    int streams = 0;
    std::string last_request;
  };
  Kind& of(ResourceKind kind) { return kinds_[IndexOf(kind)]; }

  async::Task<grpc::UnaryReply> List(ResourceKind kind, grpc::ServerCall& call,
                                     std::string request) {
    Kind& state = of(kind);
    state.last_request = std::move(request);
    ++state.lists;
    if (hang_) {
      async::Event never;
      co_await never.Wait(call.context());
    }
    if (state.refusal) co_return std::unexpected(*state.refusal);
    std::string reply;
    for (const std::string& object : state.objects) reply += grpc::test::Bytes(1, object);
    co_return reply;
  }

  async::Task<grpc::CallStatus> Follow(ResourceKind kind, grpc::ServerStream& stream) {
    Kind& state = of(kind);
    ++state.streams;
    if (state.no_stream) co_return std::unexpected(*state.no_stream);
    std::size_t sent = state.events.size();  // nothing is replayed
    while (true) {
      while (sent < state.events.size()) {
        if (!co_await stream.Write(state.events[sent++])) co_return grpc::CallStatus();
      }
      if (co_await state.news.Wait(stream.call().context()) != async::Wake::kReady) {
        co_return std::unexpected(grpc::Status{grpc::Code::kCancelled, "gone", {}});
      }
    }
  }

  std::array<Kind, kResourceKinds.size()> kinds_;
  bool hang_ = false;
  int accepted_ = 0;
  grpc::Service service_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace control::test
