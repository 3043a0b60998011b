// For tests: a server on a loop of its own, and a client that speaks raw bytes over a blocking
// socket.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>

#include "async/loop_group.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace http::http1_test {

using std::chrono::milliseconds;

/// A handler made of functions.
class FunctionHandler final : public Handler {
 public:
  std::function<bool(Exchange&)> try_handle = [](Exchange&) { return false; };
  std::function<async::Task<void>(Exchange&)> handle;
  bool TryHandle(Exchange& exchange) override { return try_handle(exchange); }
  async::Task<void> Handle(Exchange& exchange) override { return handle(exchange); }
};

inline async::Task<void> DrainServer(Server& server, milliseconds grace) {
  const async::Context context(async::Loop::Current()->After(grace));
  co_await server.Drain(context);
}

class TestServer {
 public:
  explicit TestServer(Handler& handler, const ServerOptions& options = {},
                      std::shared_ptr<const net::TlsContext> tls = nullptr)
      : loops_(1), tls_(std::move(tls)) {
    auto socket = net::BindTcp("127.0.0.1", 0);
    EXPECT_TRUE(socket.has_value());
    port_ = net::LocalPort(*socket);
    loops_.RunOn(0, [&] {
      server_ = MakeServer(loops_.at(0), handler, options);
      listener_ = std::make_unique<net::Listener>(std::move(*socket));
      auto started = listener_->Start(loops_.at(0), [this](std::unique_ptr<net::Stream> stream) {
        server_->Serve(std::move(stream), tls_, nullptr);
      });
      EXPECT_TRUE(started.has_value());
    });
  }
  ~TestServer() {
    Drain(milliseconds(100));
    loops_.RunOn(0, [&] {
      listener_.reset();
      server_.reset();
    });
  }
  void Drain(milliseconds grace) {
    loops_.RunTaskOn(0, [&] { return DrainServer(*server_, grace); });
  }
  uint16_t port() const { return port_; }
  async::LoopGroup& loops() { return loops_; }
  std::size_t connections() {
    std::size_t count = 0;
    loops_.RunOn(0, [&] { count = server_->connections(); });
    return count;
  }
  Server& server() { return *server_; }

 private:
  async::LoopGroup loops_;
  std::shared_ptr<const net::TlsContext> tls_;
  uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

/// Takes "Date: ...\r\n" lines out of a text of HTTP/1.1 messages.
inline std::string WithoutDates(std::string text) {
  for (std::size_t at; (at = text.find("\r\nDate: ")) != std::string::npos;) {
    text.erase(at, text.find("\r\n", at + 2) - at);
  }
  return text;
}

class RawClient {
 public:
  explicit RawClient(uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  explicit RawClient(int fd, bool) : fd_(fd) {}
  RawClient(const RawClient&) = delete;
  ~RawClient() { Close(); }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void EndWrite() { shutdown(fd_, SHUT_WR); }
  void Reset() {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    Close();
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

  /// Reads once; empty at the end (ended() is true then) or after five seconds of silence.
  std::string ReadSome(milliseconds patience = milliseconds(5000)) {
    pollfd item{fd_, POLLIN, 0};
    if (poll(&item, 1, static_cast<int>(patience.count())) != 1) return {};
    std::string bytes(64 * 1024, '\0');
    const ssize_t n = recv(fd_, bytes.data(), bytes.size(), 0);
    if (n <= 0) {
      ended_ = true;
      was_reset_ = n < 0;
      return {};
    }
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
  }
  /// Reads until `size` bytes (without Date fields) are there or nothing more comes.
  std::string Read(std::size_t size) {
    std::string all;
    while (WithoutDates(all).size() < size) {
      const std::string more = ReadSome();
      if (more.empty()) break;
      all += more;
    }
    return WithoutDates(all);
  }
  std::string ReadUntil(std::string_view end) {
    std::string all;
    while (all.find(end) == std::string::npos) {
      const std::string more = ReadSome();
      if (more.empty()) break;
      all += more;
    }
    return WithoutDates(all);
  }
  std::string ReadToEnd() {
    std::string all;
    for (;;) {
      const std::string more = ReadSome();
      if (more.empty()) return WithoutDates(all);
      all += more;
    }
  }
  bool ended() const { return ended_; }
  bool was_reset() const { return was_reset_; }

 private:
  int fd_ = -1;
  bool ended_ = false;
  bool was_reset_ = false;
};

}  // namespace http::http1_test
