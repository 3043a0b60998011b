// For tests: a Client that ordinary threads can call and wait for.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "components/redis/client.hpp"

namespace components::redis::testing {

class TestClient {
 public:
  explicit TestClient(std::vector<config::Properties::Entry> entries, int loops = 1,
                      ReplyLimits limits = {})
      : loops_(loops) {
    auto settings = ReadSettings(config::Properties("test", std::move(entries)), {});
    EXPECT_TRUE(settings) << settings.error().message;
    settings->limits = limits;
    auto client = Client::Make(*std::move(settings));
    EXPECT_TRUE(client) << client.error().message;
    client_ = *std::move(client);
  }
  ~TestClient() {
    loops_.RunTaskOn(0, [this]() -> async::Task<void> {
      const async::Context context;
      co_await client_->Close(context);
    });
    client_.reset();
  }

  Client& operator*() { return *client_; }
  Client* operator->() { return client_.get(); }
  async::LoopGroup& loops() { return loops_; }

  /// Runs a coroutine on a loop and waits for it.
  void On(int loop, std::move_only_function<async::Task<void>()> work) {
    loops_.RunTaskOn(loop, std::move(work));
  }
  /// "OK", "(nil)", the text, the integer, or "kind: message" of the error.
  std::string Do(std::vector<std::string> args, std::string key = {}, bool repeatable = false,
                 int loop = 0) {
    std::string out;
    On(loop, [&]() -> async::Task<void> {
      const async::Context context;
      const std::vector<Arg> views(args.begin(), args.end());
      out = Text(co_await client_->Call(context, views, key, repeatable));
    });
    return out;
  }
  static std::string Text(const base::Result<Reply>& reply) {
    if (!reply)
      return std::string(base::KindName(reply.error().kind)) + ": " + reply.error().message;
    if (reply->is_nil()) return "(nil)";
    if (reply->type() == Reply::Type::kInteger) return std::to_string(reply->integer());
    if (reply->is_array()) return "(array of " + std::to_string(reply->size()) + ")";
    return std::string(reply->text());
  }

 private:
  async::LoopGroup loops_;
  std::unique_ptr<Client> client_;
};

}  // namespace components::redis::testing
