// A gRPC service of a test's own on loopback, and a client's way to it. Everything on one loop.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "control/link/link.hpp"
#include "grpc/server.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace control::test {

class TestService {
 public:
  /// Serves on the current loop; port 0 = any.
  void Serve(uint16_t port = 0) {
    async::Loop& loop = *async::Loop::Current();
    server_ = http::MakeServer(loop, service);
    auto socket = net::BindTcp("127.0.0.1", port);
    ASSERT_TRUE(socket) << socket.error().message;
    listener_ = std::make_unique<net::Listener>(std::move(socket.value()));
    ASSERT_TRUE(listener_->Start(loop, [this](std::unique_ptr<net::Stream> stream) {
      server_->Serve(std::move(stream), nullptr, nullptr);
    }));
    address_ = listener_->address();
  }
  /// Cuts all connections.
  async::Task<void> Stop() {
    listener_.reset();
    if (server_) co_await server_->Drain(async::Context(async::Loop::Current()->now()));
    server_.reset();
  }
  std::string address() const { return address_.ToString(); }
  uint16_t port() const { return address_.port(); }
  http::Origin origin() const {
    http::Origin origin;
    origin.address = address_;
    origin.protocol = http::Protocol::kHttp2;
    return origin;
  }

  grpc::Service service{{}};

 private:
  net::Address address_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

/// Waits until `done` holds; the test fails if it does not within five seconds.
template <class Done>
async::Task<void> Until(Done done) {
  async::Loop& loop = *async::Loop::Current();
  const async::TimePoint end = loop.After(std::chrono::seconds(5));
  while (!done() && loop.now() < end) {
    co_await async::Sleep(async::Context(), loop.After(std::chrono::milliseconds(1)));
  }
  EXPECT_TRUE(done());
}

}  // namespace control::test
