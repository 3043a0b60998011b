// For tests: the servers that they share, and brokers on them that an ordinary thread can use.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "async/loop_group.hpp"
#include "components/pubsub/redis/broker.hpp"
#include "components/redis/test_server.hpp"

namespace components::pubsub::redis {

using components::redis::testing::Cluster;
using components::redis::testing::Raw;
using components::redis::testing::Server;
using components::redis::testing::WaitFor;
using contracts::Verdict;
using std::chrono::milliseconds;

/// A server that keeps what it has acknowledged, whatever happens to it; and a cluster. One each
/// for the whole run, started when first asked for.
inline Server& TheServer() {
  static Server server({"--appendonly", "yes", "--appendfsync", "always"});
  return server;
}
inline Cluster& TheCluster() {
  static Cluster cluster;
  return cluster;
}
/// Servers end with the thread that starts them, so one that is restarted in the middle of a test
/// is started by a thread that stays.
inline void OnLastingThread(std::function<void()> work) {
  struct Worker {
    std::mutex mutex;
    std::condition_variable news;
    std::vector<std::packaged_task<void()>> queue;
  };
  // Never destroyed: its thread waits in it to the end.
  static Worker* const kWorker = [] {
    auto* worker = new Worker;
    std::thread([worker] {
      while (true) {
        std::unique_lock lock(worker->mutex);
        worker->news.wait(lock, [worker] { return !worker->queue.empty(); });
        std::packaged_task<void()> next = std::move(worker->queue.back());
        worker->queue.pop_back();
        lock.unlock();
        next();
      }
    }).detach();
    return worker;
  }();
  std::packaged_task<void()> task(std::move(work));
  std::future<void> done = task.get_future();
  {
    const std::lock_guard lock(kWorker->mutex);
    kWorker->queue.push_back(std::move(task));
  }
  kWorker->news.notify_one();
  done.get();
}

/// Keeps what it is handed until the test says what becomes of it, or answers at once. Any thread
/// may ask it; its answers go to the loop.
class Keeper final : public contracts::MessageHandler {
 public:
  async::Task<Verdict> Handle(const contracts::Call& call, contracts::Message message) override {
    const std::string data = message.data;
    {
      const std::lock_guard lock(mutex_);
      handed_.push_back(std::move(message));
      in_hand_[data] += 1;
      most_at_once_ = std::max(most_at_once_, ++now_);
      if (in_hand_[data] > 1) twice_at_once_ = true;
    }
    while (!Decided(data) && !call.canceled()) co_await changed_.Wait(call);
    const std::lock_guard lock(mutex_);
    --now_;
    in_hand_[data] -= 1;
    const auto at = verdicts_.find(data);
    if (at == verdicts_.end()) co_return answer_.value_or(Verdict::kReturn);
    const Verdict verdict = at->second;
    verdicts_.erase(at);
    co_return verdict;
  }
  async::Task<std::vector<Verdict>> HandleBatch(const contracts::Call&,
                                                std::vector<contracts::Message>) override {
    ADD_FAILURE() << "the component makes no batches";
    co_return std::vector<Verdict>();
  }

  /// The answer to everything from now on; on the loop.
  void AnswerAll(std::optional<Verdict> verdict) {
    {
      const std::lock_guard lock(mutex_);
      answer_ = verdict;
    }
    changed_.Pulse();
  }
  /// The next answer for the message with this data; on the loop.
  void Answer(const std::string& data, Verdict verdict) {
    {
      const std::lock_guard lock(mutex_);
      verdicts_[data] = verdict;
    }
    changed_.Pulse();
  }
  std::vector<std::string> data() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& message : handed_) out.push_back(message.data);
    return out;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return handed_.size();
  }
  contracts::Message message(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return handed_.at(i);
  }
  int now() {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  int most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }
  bool twice_at_once() {
    const std::lock_guard lock(mutex_);
    return twice_at_once_;
  }
  bool Await(std::size_t wanted) {
    return WaitFor([&] { return count() >= wanted; });
  }

 private:
  bool Decided(const std::string& data) {
    const std::lock_guard lock(mutex_);
    return answer_ || verdicts_.contains(data);
  }
  std::mutex mutex_;
  std::vector<contracts::Message> handed_;
  std::map<std::string, Verdict> verdicts_;
  std::map<std::string, int> in_hand_;
  std::optional<Verdict> answer_;
  int now_ = 0;
  int most_at_once_ = 0;
  bool twice_at_once_ = false;
  async::Event changed_;
};

/// A started broker with one subscription at most, on a loop of its own.
class TestBroker {
 public:
  explicit TestBroker(std::vector<config::Properties::Entry> entries)
      : properties_("test", std::move(entries)) {
    const contracts::InitRequest request{.name = "test", .properties = properties_};
    On([&]() -> async::Task<void> {
      const contracts::Call call(async::Context(async::Loop::Current()->After(milliseconds(5000))));
      status_ = co_await broker_.Init(call, request);
    });
  }
  explicit TestBroker(const Server& server, std::vector<config::Properties::Entry> more = {})
      : TestBroker(With(server, std::move(more))) {
    EXPECT_TRUE(status_) << status_.error().message;
  }
  ~TestBroker() {
    End();
    if (!status_) return;
    On([&]() -> async::Task<void> {
      const contracts::Call call;
      co_await broker_.Close(call);
    });
  }

  const base::Status& status() const { return status_; }
  void On(std::move_only_function<async::Task<void>()> work) {
    loops_.RunTaskOn(0, std::move(work));
  }
  /// "", or the error's kind and text.
  std::string Publish(std::string topic, std::string data, contracts::Metadata metadata = {}) {
    base::Status status;
    On([&]() -> async::Task<void> {
      const contracts::Call call;
      status = co_await broker_.Publish(
          call, {.topic = topic, .data = data, .content_type = {}, .metadata = metadata});
    });
    return Text(status);
  }
  std::string PublishMany(std::string topic, int first, int count) {
    std::string text;
    On([&]() -> async::Task<void> {
      const contracts::Call call;
      contracts::BulkPublishRequest request{.topic = topic, .entries = {}, .metadata = {}};
      for (int i = first; i < first + count; ++i) {
        request.entries.push_back({.entry_id = std::to_string(i),
                                   .data = std::to_string(i),
                                   .content_type = {},
                                   .metadata = {}});
      }
      for (const auto& failure : co_await broker_.BulkPublish(call, std::move(request))) {
        text += failure.entry_id + ": " + failure.error.message + "\n";
      }
    });
    return text;
  }
  std::string Subscribe(std::string topic,
                        std::optional<contracts::BulkSubscribeOptions> bulk = std::nullopt) {
    base::Status status;
    On([&]() -> async::Task<void> {
      const contracts::Call call;
      auto made =
          co_await broker_.Subscribe(call, {.topic = topic, .metadata = {}, .bulk = bulk}, keeper_);
      if (made) {
        subscription_ = std::move(*made);
      } else {
        status = std::unexpected(made.error());
      }
    });
    return Text(status);
  }
  void Pause() {
    Now([&] { subscription_->Pause(); });
  }
  void Resume() {
    Now([&] { subscription_->Resume(); });
  }
  void AnswerAll(std::optional<Verdict> verdict) {
    Now([&] { keeper_.AnswerAll(verdict); });
  }
  void Answer(const std::string& data, Verdict verdict) {
    Now([&] { keeper_.Answer(data, verdict); });
  }
  int64_t Backlog() {
    int64_t waiting = -1;
    On([&]() -> async::Task<void> {
      const contracts::Call call;
      const auto got = co_await subscription_->Backlog(call);
      EXPECT_TRUE(got) << got.error().message;
      if (got) waiting = got->value_or(-1);
    });
    return waiting;
  }
  /// Closes the subscription.
  void End(milliseconds limit = milliseconds(200)) {
    if (!subscription_) return;
    On([&]() -> async::Task<void> {
      const contracts::Call call(async::Context(async::Loop::Current()->After(limit)));
      co_await subscription_->Close(call);
      subscription_.reset();
    });
  }
  Keeper& keeper() { return keeper_; }

 private:
  static std::vector<config::Properties::Entry> With(const Server& server,
                                                     std::vector<config::Properties::Entry> more) {
    more.insert(more.begin(), {{"redisHost", server.address()}, {"consumerID", "app"}});
    return more;
  }
  void Now(std::function<void()> work) {
    On([&]() -> async::Task<void> {
      work();
      co_return;
    });
  }
  static std::string Text(const base::Status& status) {
    if (status) return "";
    return std::string(base::KindName(status.error().kind)) + ": " + status.error().message;
  }

  config::Properties properties_;
  async::LoopGroup loops_{1};
  Broker broker_;
  Keeper keeper_;
  std::unique_ptr<contracts::Subscription> subscription_;
  base::Status status_;
};

}  // namespace components::pubsub::redis
