// For tests of the HTTP/1.1 client: servers that follow a script, and calls as texts.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/strings.hpp"
#include "http/client.hpp"
#include "http/http1_test_util.hpp"

namespace http::http1_test {

/// A server whose every connection follows a script, on a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(RawClient& connection, int index)>;
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    auto socket = net::BindTcp("127.0.0.1", 0);
    port_ = net::LocalPort(*socket);
    fd_ = socket->Release();
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  uint16_t port() const { return port_; }
  int connections() const { return count_; }

 private:
  void Run() {
    std::vector<std::thread> threads;
    while (!stop_) {
      pollfd item{fd_, POLLIN, 0};
      poll(&item, 1, 20);
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      threads.emplace_back([this, fd, index = count_++] {
        RawClient connection(fd, true);
        script_(connection, index);
      });
    }
    for (auto& thread : threads) thread.join();
  }
  Script script_;
  uint16_t port_ = 0;
  int fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<int> count_{0};
  std::thread thread_;
};

inline std::string ReadHead(RawClient& connection) {
  return connection.ReadUntil("\r\n\r\n");
}

inline Origin OriginOf(uint16_t port) {
  Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", port);
  return origin;
}
inline RequestHead Head(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "app";
  return head;
}

// The whole answer as text, or the error.
inline async::Task<std::string> Fetch(Client& client, const Origin& origin, RequestHead head,
                                      Body* body, milliseconds patience = milliseconds(5000)) {
  const async::Context context(async::Loop::Current()->After(patience));
  auto response = co_await client.Send(context, origin, std::move(head), body);
  if (!response) co_return base::StrCat("error ", base::KindName(response.error().kind));
  auto text = co_await ReadAll(*response->body, context, 1 << 26);
  if (!text) co_return base::StrCat("body error ", base::KindName(text.error().kind));
  std::string trailers;
  if (response->body->trailers()) {
    for (const auto field : *response->body->trailers()) {
      base::StrAppend(trailers, " +", field.name, "=", field.value);
    }
  }
  co_return base::StrCat(response->head.status, " ", *text, trailers);
}

class Http1Client : public testing::Test {
 protected:
  using Scenario = std::function<async::Task<void>(Client&)>;
  static async::Task<void> RunScenario(const Scenario& scenario, const ClientOptions& options) {
    auto client = MakeClient(*async::Loop::Current(), options);
    co_await scenario(*client);
    const async::Context context(async::Loop::Current()->After(milliseconds(200)));
    co_await client->Close(context);
    EXPECT_EQ(client->connections(), 0u);
  }
  void Run(const Scenario& scenario, const ClientOptions& options = {}) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return RunScenario(scenario, options); });
  }
};

}  // namespace http::http1_test
