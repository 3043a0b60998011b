// For tests: a server that speaks Redis' protocol over real sockets and answers what a test tells
// it, for what no installed server can be made to answer.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.hpp"

namespace components::redis::testing {

/// The wire form of a text.
inline std::string Text(std::string_view text) {
  return base::StrCat("$", text.size(), "\r\n", text, "\r\n");
}
/// The wire form of an array of wire forms.
inline std::string List(const std::vector<std::string>& elements) {
  return base::StrCat("*", elements.size(), "\r\n", base::Join(elements, ""));
}

class Stub {
 public:
  using Command = std::vector<std::string>;
  /// Gives the wire form of the answer. `connection` counts from 0. Called on the stub's thread.
  using Handler = std::function<std::string(const Command&, int connection)>;

  explicit Stub(Handler handler) : handler_(std::move(handler)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Stub() {
    eventfd_write(end_, 1);
    thread_.join();
    close(listener_);
    close(end_);
  }
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  struct Caller {
    int fd;
    int number;
    std::string in;
  };

  void Serve() {
    std::vector<Caller> callers;
    int count = 0;
    while (true) {
      std::vector<pollfd> watched{{end_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Caller& caller : callers) watched.push_back({caller.fd, POLLIN, 0});
      poll(watched.data(), watched.size(), -1);
      if (watched[0].revents != 0) break;
      for (std::size_t i = callers.size(); i-- > 0;) {
        if (watched[i + 2].revents == 0 || Read(callers[i])) continue;
        close(callers[i].fd);
        callers.erase(callers.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (watched[1].revents != 0)
        callers.push_back({accept(listener_, nullptr, nullptr), count++, {}});
    }
    for (const Caller& caller : callers) close(caller.fd);
  }

  bool Read(Caller& caller) {
    char buffer[65536];
    const ssize_t got = recv(caller.fd, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    caller.in.append(buffer, static_cast<std::size_t>(got));
    std::string out;
    Command command;
    while (Take(caller.in, command)) {
      out += command[0] == "PING" ? "+PONG\r\n" : handler_(command, caller.number);
    }
    std::string_view rest = out;
    while (!rest.empty()) {
      const ssize_t sent = send(caller.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Takes the first whole command off `in`.
  static bool Take(std::string& in, Command& out) {
    std::size_t at = 0;
    const auto number = [&](std::size_t& value) {
      const std::size_t end = in.find("\r\n", at);
      if (end == std::string::npos) return false;
      value = std::stoul(in.substr(at + 1, end - at - 1));
      at = end + 2;
      return true;
    };
    out.clear();
    std::size_t count = 0;
    if (in.empty() || !number(count)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t size = 0;
      if (at >= in.size() || !number(size) || in.size() < at + size + 2) return false;
      out.push_back(in.substr(at, size));
      at += size + 2;
    }
    in.erase(0, at);
    return true;
  }

  const Handler handler_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int end_ = eventfd(0, EFD_CLOEXEC);
  int port_ = 0;
  std::thread thread_;
};

}  // namespace components::redis::testing
