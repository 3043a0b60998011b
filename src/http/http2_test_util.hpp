// What the HTTP/2 tests share: a loop with a server on it, and peers that speak in whole frames.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http2_client.hpp"
#include "http/server_core.hpp"

namespace http::test {

using std::chrono::milliseconds;

class FunctionHandler final : public Handler {
 public:
  std::function<bool(Exchange&)> now;
  std::function<async::Task<void>(Exchange&)> later;
  int calls = 0;

  bool TryHandle(Exchange& exchange) override {
    ++calls;
    return now && now(exchange);
  }
  async::Task<void> Handle(Exchange& exchange) override {
    if (later) co_await later(exchange);
  }
};

inline RequestHead Head(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "test";
  return head;
}

/// Two ends of a TCP connection over loopback.
inline std::pair<net::Socket, net::Socket> TcpPair() {
  net::Socket listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(listener.fd(), 1), 0);
  getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  net::Socket near(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(connect(near.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  net::Socket far(accept(listener.fd(), nullptr, nullptr));
  for (const int fd : {near.fd(), far.fd()}) fcntl(fd, F_SETFL, O_NONBLOCK);
  return {std::move(near), std::move(far)};
}

/// A server on a loop of its own. Serve gives it connections.
class Rig {
 public:
  explicit Rig(const ServerOptions& options = {}) : core(loop, handler, options) {}
  ~Rig() {
    core.drain.Cancel();
    core.abort.Cancel();
    bool done = false;
    gate.Spawn(CloseAll(done));
    RunUntil([&] { return done; });
    clients.clear();
  }

  void Turn(int millis = 5) { loop.RunOnce(millis); }
  bool RunUntil(const std::function<bool()>& done, milliseconds limit = milliseconds(20'000)) {
    const auto end = async::Clock::now() + limit;
    while (!done()) {
      if (async::Clock::now() > end) return false;
      loop.RunOnce(5);
    }
    return true;
  }
  /// Runs what is ready until nothing happens for a moment.
  void Settle() {
    for (int i = 0; i < 20; ++i) loop.RunOnce(1);
  }
  void Serve(net::Socket socket) {
    loop.Post([this, fd = socket.Release()] {
      auto stream = net::Stream::Open(loop, net::Socket(fd));
      ASSERT_TRUE(stream);
      core.connections.Spawn(ServeHttp2(core, std::move(*stream), ConnectionInfo()));
    });
    loop.RunOnce(5);
  }
  /// A client connection served by the rig, or by nobody if `far` is taken.
  Http2ClientConnection& Connect(const ClientOptions& options = {}, net::Socket* far = nullptr) {
    auto [near, other] = TcpPair();
    if (far) {
      *far = std::move(other);
    } else {
      Serve(std::move(other));
    }
    loop.Post([this, &options, fd = near.Release()] {
      auto stream = net::Stream::Open(loop, net::Socket(fd));
      ASSERT_TRUE(stream);
      clients.push_back(Http2ClientConnection::Start(client_gate, std::move(*stream), options));
    });
    const std::size_t before = clients.size();
    RunUntil([&] { return clients.size() > before; });
    return *clients.back();
  }
  /// Runs a coroutine to its end.
  void Run(std::function<async::Task<void>()> start) {
    bool done = false;
    loop.Post([&] { gate.Spawn(Mark(start(), done)); });
    EXPECT_TRUE(RunUntil([&] { return done; })) << "the coroutine hangs";
  }

  async::Loop loop;
  FunctionHandler handler;
  ServerCore core;
  async::Gate gate;
  async::Gate client_gate;
  std::vector<std::unique_ptr<Http2ClientConnection>> clients;

 private:
  static async::Task<void> Mark(async::Task<void> task, bool& done) {
    co_await task;
    done = true;
  }
  async::Task<void> CloseAll(bool& done) {
    const async::Context forever;
    co_await client_gate.Close(forever);
    co_await core.connections.Close(forever);
    done = true;
  }
};

struct Frame {
  int type = -1;
  int flags = 0;
  int32_t id = 0;
  std::string payload;
  uint32_t Number(std::size_t at) const {
    uint32_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      number = number << 8 | static_cast<uint8_t>(payload.at(i));
    }
    return number;
  }
};

inline std::string Be32(uint32_t number) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
  return out;
}
inline std::string MakeFrame(int type, int flags, int32_t id, std::string_view payload = {}) {
  std::string out = Be32(static_cast<uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  out += Be32(static_cast<uint32_t>(id));
  out += payload;
  return out;
}
/// A header field as a literal that is not indexed, without Huffman coding.
inline std::string Field(std::string_view name, std::string_view value) {
  const auto text = [](std::string_view part) {
    std::string out;
    if (part.size() < 127) {
      out += static_cast<char>(part.size());
    } else {
      out += '\x7f';
      std::size_t rest = part.size() - 127;
      for (; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
      out += static_cast<char>(rest);
    }
    return out.append(part);
  };
  std::string out(1, '\0');
  return out + text(name) + text(value);
}
inline std::string RequestFields(std::string_view method = "GET", std::string_view path = "/") {
  return Field(":method", method) + Field(":scheme", "http") + Field(":path", path) +
         Field(":authority", "test");
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum : int { kEndStream = 1, kEndHeaders = 4, kAck = 1 };

/// A peer made of a bare socket.
class RawPeer {
 public:
  RawPeer(Rig& rig, net::Socket socket) : rig_(rig), socket_(std::move(socket)) {}
  /// A client that has said hello.
  static RawPeer Client(Rig& rig, bool hello = true) {
    auto [near, far] = TcpPair();
    rig.Serve(std::move(far));
    RawPeer peer(rig, std::move(near));
    if (hello) {
      peer.Send(std::string(kPreface) + MakeFrame(NGHTTP2_SETTINGS, 0, 0) +
                MakeFrame(NGHTTP2_SETTINGS, kAck, 0));
    }
    return peer;
  }

  /// Sends as much as the socket takes while the rig runs; stops when the other side has closed.
  void Send(std::string_view bytes) {
    const auto end = async::Clock::now() + std::chrono::seconds(20);
    while (!bytes.empty() && async::Clock::now() < end) {
      const auto sent = send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno != EAGAIN) {
        return;
      }
      rig_.Turn(0);
      if (!discard_) continue;
      Pump();
    }
  }
  /// The next frame, waiting for it; type -1 at the end of the connection or of patience.
  Frame Next(milliseconds limit = milliseconds(10'000)) {
    rig_.RunUntil(
        [&] {
          Pump();
          return closed_ || Whole();
        },
        limit);
    if (!Whole()) return {};
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(in_[i]); };
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    Frame frame{byte(3), byte(4),
                static_cast<int32_t>(byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)),
                in_.substr(9, size)};
    in_.erase(0, 9 + size);
    return frame;
  }
  /// Skips to the next frame of this type (and stream, unless -1).
  Frame NextOf(int type, int32_t id = -1, milliseconds limit = milliseconds(10'000)) {
    for (;;) {
      Frame frame = Next(limit);
      if (frame.type < 0 || (frame.type == type && (id < 0 || frame.id == id))) return frame;
    }
  }
  /// The code of the GOAWAY that comes, -1 if the connection ends without.
  int64_t GoAwayCode() {
    const Frame frame = NextOf(NGHTTP2_GOAWAY);
    return frame.type < 0 ? -1 : frame.Number(4);
  }
  bool ClosedSoon(milliseconds limit = milliseconds(10'000)) {
    return rig_.RunUntil(
        [&] {
          Pump();
          return closed_;
        },
        limit);
  }
  /// Keep reading while sending, so that the server's answers do not block it.
  void ReadWhileSending() { discard_ = true; }
  int fd() const { return socket_.fd(); }

 private:
  bool Whole() {
    if (in_.starts_with(kPreface)) in_.erase(0, kPreface.size());
    if (in_.size() < 9) return false;
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(in_[i]); };
    return in_.size() >= 9u + (byte(0) << 16 | byte(1) << 8 | byte(2));
  }
  void Pump() {
    char buffer[16384];
    for (;;) {
      const auto got = recv(socket_.fd(), buffer, sizeof buffer, 0);
      if (got > 0) {
        in_.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      if (got == 0 || errno != EAGAIN) closed_ = true;
      return;
    }
  }
  Rig& rig_;
  net::Socket socket_;
  std::string in_;
  bool closed_ = false;
  bool discard_ = false;
};

}  // namespace http::test
