// For tests of the HTTP/1.1 server: a fixture, and messages as texts.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "base/strings.hpp"
#include "http/http1_test_util.hpp"

namespace http::http1_test {

inline std::string Get(std::string_view target, std::string_view fields = {}) {
  return base::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n", fields, "\r\n");
}
inline std::string Ok(std::string_view body, std::string_view fields = {}) {
  return base::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n", fields, "\r\n",
                      body);
}

/// What happened, told by handlers and awaited by tests.
class Log {
 public:
  void Add(std::string line) {
    std::lock_guard lock(mutex_);
    text_ += line + ";";
    changed_.notify_all();
  }
  std::string WaitFor(std::string_view what) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(5),
                      [&] { return text_.find(what) != std::string::npos; });
    return text_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

class Http1Server : public testing::Test {
 protected:
  void Begin(ServerOptions options = {}) {
    server_ = std::make_unique<TestServer>(handler_, options);
  }
  RawClient Connect() { return RawClient(server_->port()); }

  FunctionHandler handler_;
  Log log_;
  std::unique_ptr<TestServer> server_;
};

inline async::Task<void> EchoBody(Exchange& exchange) {
  const async::Context context;
  auto body = co_await ReadAll(exchange.body(), context, 1 << 24);
  if (body) exchange.Respond({}, *body);
}

}  // namespace http::http1_test
