// For tests: a Client that ordinary threads can call and wait for.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "async/loop_group.hpp"
#include "components/rabbitmq/client.hpp"

namespace components::rabbitmq::testing {

class TestClient {
 public:
  explicit TestClient(Settings settings, bool confirms = true, int loops = 1) : loops_(loops) {
    auto client = Client::Make(std::move(settings), confirms);
    EXPECT_TRUE(client) << client.error().message;
    client_ = *std::move(client);
  }
  ~TestClient() {
    On(0, [this]() -> async::Task<void> {
      const async::Context context;
      co_await client_->Close(context);
    });
  }
  Client* operator->() { return client_.get(); }
  void On(int loop, std::move_only_function<async::Task<void>()> work) {
    loops_.RunTaskOn(loop, std::move(work));
  }
  static std::string Text(const base::Status& status) {
    if (status) return "ok";
    return std::string(base::KindName(status.error().kind)) + ": " + status.error().message;
  }
  std::string Ping(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    std::string out;
    On(0, [&]() -> async::Task<void> {
      const async::Context context(async::Loop::Current()->After(limit));
      out = Text(co_await client_->Ping(context));
    });
    return out;
  }
  std::string Publish(const std::string& exchange, const std::string& body, int loop = 0,
                      std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    std::string out;
    On(loop, [&]() -> async::Task<void> {
      const async::Context context(async::Loop::Current()->After(limit));
      const Outgoing message{.exchange = {.name = exchange}, .body = body};
      out = Text(co_await client_->publisher().Publish(context, message));
    });
    return out;
  }

 private:
  async::LoopGroup loops_;
  std::unique_ptr<Client> client_;
};

}  // namespace components::rabbitmq::testing
