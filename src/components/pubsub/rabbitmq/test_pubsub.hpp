// For tests: a broker component on a loop of its own, and subscriptions whose messages the test
// takes and answers from an ordinary thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "components/pubsub/rabbitmq/broker.hpp"
#include "components/rabbitmq/test_broker.hpp"

namespace components::pubsub::rabbitmq::testing {

using components::rabbitmq::testing::SharedBroker;
using components::rabbitmq::testing::TestBroker;
using components::rabbitmq::testing::WaitFor;
using contracts::Call;
using contracts::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Answers as told; while it keeps, handlers do not return until they are released or cancelled.
class Handler final : public contracts::MessageHandler {
 public:
  async::Task<Verdict> Handle(const Call& call, contracts::Message message) override {
    {
      const std::lock_guard lock(mutex_);
      data_.push_back(message.data);
      last_ = message;
    }
    ++count;
    ++inside;
    if (keep) co_await release_.Wait(call);
    --inside;
    if (call.canceled()) {
      ++canceled;
      co_return Verdict::kReturn;
    }
    co_return verdict.load();
  }
  async::Task<std::vector<Verdict>> HandleBatch(const Call&,
                                                std::vector<contracts::Message>) override {
    co_return std::vector<Verdict>();
  }
  std::vector<std::string> data() const {
    const std::lock_guard lock(mutex_);
    return data_;
  }
  contracts::Message last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  /// On the loop.
  void Release() {
    keep = false;
    release_.Pulse();
  }

  std::atomic<int> count = 0;
  std::atomic<int> inside = 0;
  std::atomic<int> canceled = 0;
  std::atomic<bool> keep = false;
  std::atomic<Verdict> verdict = Verdict::kDone;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> data_;
  contracts::Message last_;
  async::Event release_;
};

class TestPubSub {
 public:
  using Entries = std::vector<config::Properties::Entry>;

  explicit TestPubSub(Entries entries, const TestBroker& broker = SharedBroker()) : loops_(1) {
    entries.push_back({"connectionString", broker.uri()});
    entries.push_back({"consumerID", "g"});
    const config::Properties properties("mq", std::move(entries));
    On([&]() -> async::Task<void> {
      const Call call;
      const base::Status started = co_await pubsub_.Init(
          call,
          {.name = "mq", .type = "pubsub.rabbitmq", .version = "v1", .properties = properties});
      EXPECT_TRUE(started) << started.error().message;
    });
  }
  ~TestPubSub() {
    while (!subscriptions_.empty()) End();
    On([&]() -> async::Task<void> {
      const Call call;
      co_await pubsub_.Close(call);
    });
  }

  void On(std::move_only_function<async::Task<void>()> work) {
    loops_.RunTaskOn(0, std::move(work));
  }
  /// "ok", or "kind: message".
  std::string Publish(const std::string& topic, const std::string& data,
                      contracts::Metadata metadata = {}, milliseconds limit = seconds(20)) {
    std::string out;
    On([&]() -> async::Task<void> {
      const Call call(async::Context(async::Loop::Current()->After(limit)));
      out = Text(co_await pubsub_.Publish(
          call, {.topic = topic, .data = data, .content_type = {}, .metadata = metadata}));
    });
    return out;
  }
  std::string Subscribe(Handler& handler, const std::string& topic,
                        contracts::Metadata metadata = {}) {
    std::string out;
    On([&]() -> async::Task<void> {
      const Call call;
      auto made = co_await pubsub_.Subscribe(
          call, {.topic = topic, .metadata = metadata, .bulk = std::nullopt}, handler);
      out = made ? "ok" : Text(std::unexpected(made.error()));
      if (made) subscriptions_.push_back(*std::move(made));
    });
    return out;
  }
  contracts::Subscription& last() { return *subscriptions_.back(); }
  void Pause() {
    loops_.RunOn(0, [&] { last().Pause(); });
  }
  void Resume() {
    loops_.RunOn(0, [&] { last().Resume(); });
  }
  void Release(Handler& handler) {
    loops_.RunOn(0, [&] { handler.Release(); });
  }
  int64_t Backlog() {
    int64_t out = -1;
    On([&]() -> async::Task<void> {
      const Call call(async::Context(async::Loop::Current()->After(seconds(5))));
      const auto count = co_await last().Backlog(call);
      if (count) out = count->value_or(-1);
    });
    return out;
  }
  /// Ends the last subscription.
  void End() {
    On([&]() -> async::Task<void> {
      const Call call(async::Context(async::Loop::Current()->After(milliseconds(200))));
      co_await last().Close(call);
      subscriptions_.pop_back();
    });
  }

 private:
  static std::string Text(const base::Status& status) {
    if (status) return "ok";
    return std::string(base::KindName(status.error().kind)) + ": " + status.error().message;
  }

  async::LoopGroup loops_;
  Broker pubsub_;
  std::vector<std::unique_ptr<contracts::Subscription>> subscriptions_;
};

}  // namespace components::pubsub::rabbitmq::testing
