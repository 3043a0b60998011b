#include "components/pubsub/in_memory/broker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "async/loop_group.hpp"
#include "components/pubsub/in_memory/descriptor.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::pubsub::in_memory {
namespace {

using contracts::Call;
using contracts::Message;
using contracts::Verdict;
using std::chrono::milliseconds;

async::TimePoint In(milliseconds time) {
  return async::Loop::Current()->After(time);
}

// Answers done, unless it is told to keep what it gets until Open.
class Handler final : public contracts::MessageHandler {
 public:
  async::Task<Verdict> Handle(const Call& call, Message message) override {
    most = std::max(most, ++at_a_time_);
    begun.push_back(message.data);
    if (closed_) co_await open_.Wait(call);
    --at_a_time_;
    if (call.canceled()) co_return Verdict::kReturn;
    if (message.data == fails && fails_left > 0) {
      --fails_left;
      co_return Verdict::kFailed;
    }
    data.push_back(std::move(message.data));
    ++count;
    news.Pulse();
    co_return Verdict::kDone;
  }
  async::Task<std::vector<Verdict>> HandleBatch(const Call&, std::vector<Message> batch) override {
    batches.push_back(batch.size());
    for (Message& message : batch) data.push_back(std::move(message.data));
    count += static_cast<int>(batch.size());
    news.Pulse();
    co_return std::vector<Verdict>(batch.size(), Verdict::kDone);
  }
  void Keep() { closed_ = true; }
  void Open() {
    closed_ = false;
    open_.Pulse();
  }
  async::Task<void> Await(int wanted) {
    const async::Context context(In(milliseconds(10'000)));
    while (count < wanted) {
      if (co_await news.Wait(context) != async::Wake::kReady) break;
    }
    EXPECT_EQ(count, wanted);
  }

  std::vector<std::string> data;
  std::vector<std::string> begun;
  std::vector<std::size_t> batches;
  int most = 0;  // at a time
  std::string fails;
  int fails_left = 0;
  std::atomic<int> count = 0;
  async::Event news;

 private:
  bool closed_ = false;
  int at_a_time_ = 0;
  async::Event open_;
};

config::Properties Settings(std::vector<config::Properties::Entry> entries) {
  return {"p", std::move(entries)};
}

async::Task<void> Start(Broker& broker, config::Properties properties) {
  const Call call;
  const auto status = co_await broker.Init(
      call, {.name = "p", .type = "pubsub.in-memory", .version = "v1", .properties = properties});
  EXPECT_TRUE(status) << status.error().message;
}
async::Task<std::unique_ptr<contracts::Subscription>> Subscribe(
    Broker& broker, Handler& handler,
    std::optional<contracts::BulkSubscribeOptions> bulk = std::nullopt) {
  const Call call;
  contracts::SubscribeRequest request{.topic = "t"};
  request.bulk = bulk;
  co_return std::move(*co_await broker.Subscribe(call, std::move(request), handler));
}
async::Task<void> End(contracts::Subscription& subscription) {
  const Call call(async::Context(In(milliseconds(100))));
  co_await subscription.Close(call);
}
async::Task<base::Status> Publish(Broker& broker, std::string data) {
  const Call call;
  co_return co_await broker.Publish(call, {.topic = "t", .data = std::move(data)});
}

void Play(async::Task<void> (*test)()) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [test] { return test(); });
}

TEST(InMemoryBroker, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(InMemoryBroker, RefusesBadSettings) {
  Play(+[]() -> async::Task<void> {
    for (const auto& [name, value] :
         {std::pair("queueLength", "0"), std::pair("queueSize", "0"),
          std::pair("publishWait", "soon"), std::pair("concurrency", "two")}) {
      Broker broker;
      const Call call;
      const config::Properties properties = Settings({{name, value}});
      const auto status = co_await broker.Init(
          call,
          {.name = "p", .type = "pubsub.in-memory", .version = "v1", .properties = properties});
      EXPECT_FALSE(status) << name;
      if (!status) {
        EXPECT_NE(status.error().message.find(name), std::string::npos) << status.error().message;
      }
    }
  });
}

// PublishNow wakes the subscription but never runs its handler: the publisher is not done yet.
TEST(InMemoryBroker, PublishNowRunsNoHandler) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, {});
    Handler handler;
    const auto subscription = co_await Subscribe(broker, handler);
    contracts::PublishRequest request{.topic = "t", .data = "a"};
    const auto status = broker.PublishNow(request);
    EXPECT_TRUE(status && *status);
    EXPECT_EQ(handler.count, 0);
    co_await handler.Await(1);
    co_await End(*subscription);
  });
}

// Several at a time, but not without bound, and they begin in their order.
TEST(InMemoryBroker, MessagesGoSideBySide) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"concurrency", "parallel"}}));
    Handler handler;
    handler.Keep();
    const auto subscription = co_await Subscribe(broker, handler);
    std::vector<std::string> all;
    for (int i = 0; i < 300; ++i) {
      all.push_back(std::to_string(i));
      EXPECT_TRUE(co_await Publish(broker, all.back()));
    }
    for (int i = 0; i < 50; ++i) co_await async::Yield();
    EXPECT_EQ(handler.most, 100);
    const Call call;
    const auto backlog = co_await subscription->Backlog(call);
    EXPECT_EQ(backlog.value_or(-1), 200);
    handler.Open();
    co_await handler.Await(300);
    EXPECT_EQ(handler.begun, all);
    co_await End(*subscription);
  });
}

TEST(InMemoryBroker, WhatFailsKeepsNobodyWaiting) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"concurrency", "parallel"}}));
    Handler handler;
    handler.fails = "a";
    handler.fails_left = 2;
    const auto subscription = co_await Subscribe(broker, handler);
    for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(co_await Publish(broker, data));
    co_await handler.Await(2);
    EXPECT_EQ(handler.data, (std::vector<std::string>{"b", "c"}));
    const Call call;
    const auto backlog = co_await subscription->Backlog(call);
    EXPECT_EQ(backlog.value_or(-1), 1) << "it waits";
    co_await handler.Await(3);
    EXPECT_EQ(handler.data.back(), "a");
    EXPECT_EQ(handler.begun.size(), 5U);
    co_await End(*subscription);
  });
}

TEST(InMemoryBroker, OneByOneNothingOvertakes) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, {});
    Handler handler;
    handler.fails = "a";
    handler.fails_left = 1;
    const auto subscription = co_await Subscribe(broker, handler);
    for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(co_await Publish(broker, data));
    co_await handler.Await(3);
    EXPECT_EQ(handler.data, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(handler.most, 1);
    co_await End(*subscription);
  });
}

TEST(InMemoryBroker, AFullQueueMakesPublishersWait) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"queueLength", "2"}, {"publishWait", "10s"}}));
    Handler handler;
    handler.Keep();
    const auto subscription = co_await Subscribe(broker, handler);
    EXPECT_TRUE(co_await Publish(broker, "a"));
    EXPECT_TRUE(co_await Publish(broker, "b"));
    contracts::PublishRequest request{.topic = "t", .data = "c"};
    request.metadata.Set("k", "v");
    EXPECT_FALSE(broker.PublishNow(request));
    EXPECT_EQ(request.topic, "t");
    EXPECT_EQ(request.data, "c");
    EXPECT_EQ(request.metadata.size(), 1U);

    async::Gate gate;
    bool taken = false;
    const auto publish = [](Broker& broker, bool& taken) -> async::Task<void> {
      EXPECT_TRUE(co_await Publish(broker, "c"));
      taken = true;
    };
    gate.Spawn(publish(broker, taken));
    EXPECT_FALSE(taken);
    handler.Open();
    co_await handler.Await(3);
    EXPECT_TRUE(taken);
    EXPECT_EQ(handler.data, (std::vector<std::string>{"a", "b", "c"}));
    const async::Context patient;
    co_await gate.Close(patient);
    co_await End(*subscription);
  });
}

TEST(InMemoryBroker, AFullQueueIsAnErrorInTheEnd) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"queueLength", "1"}, {"publishWait", "20ms"}}));
    Handler handler;
    handler.Keep();
    const auto subscription = co_await Subscribe(broker, handler);
    EXPECT_TRUE(co_await Publish(broker, "a"));
    const auto full = co_await Publish(broker, "b");
    EXPECT_FALSE(full);
    if (!full) {
      EXPECT_EQ(full.error().kind, base::Kind::kExhausted);
      EXPECT_NE(full.error().message.find("queueLength"), std::string::npos);
    }
    co_await End(*subscription);
    EXPECT_EQ(handler.count, 0);
  });
}

// Nobody waits for an app that is away, and those who already do learn of it.
TEST(InMemoryBroker, AFullQueueThatIsPausedIsAnErrorAtOnce) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"queueSize", "300"}, {"publishWait", "1h"}}));
    Handler handler;
    handler.Keep();
    const auto subscription = co_await Subscribe(broker, handler);
    EXPECT_TRUE(co_await Publish(broker, std::string(1000, 'x')));  // more than all there is
    async::Gate gate;
    bool refused = false;
    const auto publish = [](Broker& broker, bool& refused) -> async::Task<void> {
      EXPECT_FALSE(co_await Publish(broker, "b"));
      refused = true;
    };
    gate.Spawn(publish(broker, refused));
    EXPECT_FALSE(refused);
    subscription->Pause();
    EXPECT_TRUE(refused);
    EXPECT_FALSE(co_await Publish(broker, "c"));
    const async::Context patient;
    co_await gate.Close(patient);
    co_await End(*subscription);
    EXPECT_TRUE(co_await Publish(broker, "d"));  // nobody is left who would want it
  });
}

TEST(InMemoryBroker, OneFullQueueKeepsAMessageFromAll) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, Settings({{"queueLength", "1"}, {"publishWait", "5ms"}}));
    Handler slow;
    slow.Keep();
    Handler fast;
    const auto one = co_await Subscribe(broker, slow);
    const auto two = co_await Subscribe(broker, fast);
    EXPECT_TRUE(co_await Publish(broker, "a"));
    co_await fast.Await(1);
    EXPECT_FALSE(co_await Publish(broker, "b"));
    slow.Open();
    co_await slow.Await(1);
    EXPECT_EQ(fast.count, 1);
    co_await End(*one);
    co_await End(*two);
  });
}

TEST(InMemoryBroker, BatchesAreFilledWithWhatWaits) {
  Play(+[]() -> async::Task<void> {
    Broker broker;
    co_await Start(broker, {});
    Handler handler;
    const auto subscription = co_await Subscribe(
        broker, handler,
        contracts::BulkSubscribeOptions{.max_messages = 4, .max_await_millis = 30});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await Publish(broker, std::to_string(i)));
    co_await handler.Await(10);
    EXPECT_EQ(handler.batches, (std::vector<std::size_t>{4, 4, 2}));
    co_await End(*subscription);
  });
}

TEST(InMemoryBroker, PublishersOnEveryLoop) {
  constexpr int kEach = 2000;
  async::LoopGroup loops(3);
  Broker broker;
  Handler handlers[2];
  std::unique_ptr<contracts::Subscription> subscriptions[2];
  loops.RunTaskOn(0, [&] { return Start(broker, Settings({{"queueLength", "100"}})); });
  for (int i = 0; i < 2; ++i) {
    loops.RunTaskOn(i, [&, i]() -> async::Task<void> {
      return [](Broker& b, Handler& h,
                std::unique_ptr<contracts::Subscription>& out) -> async::Task<void> {
        out = co_await Subscribe(b, h);
      }(broker, handlers[i], subscriptions[i]);
    });
  }
  std::vector<std::thread> publishers;
  publishers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    publishers.emplace_back([&, i] {
      loops.RunTaskOn(i, [&, i]() -> async::Task<void> {
        return [](Broker& b, int loop) -> async::Task<void> {
          for (int n = 0; n < kEach; ++n) {
            EXPECT_TRUE(co_await Publish(b, std::to_string(loop) + "-" + std::to_string(n)));
            if (n % 50 == 0) co_await async::Yield();
          }
        }(broker, i);
      });
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  for (int i = 0; i < 2; ++i) {
    loops.RunTaskOn(i, [&, i] { return handlers[i].Await(3 * kEach); });
    loops.RunTaskOn(i, [&, i] { return End(*subscriptions[i]); });
    // Each publisher's messages are in its order.
    int next[3] = {};
    for (const std::string& data : handlers[i].data) {
      const int loop = data[0] - '0';
      EXPECT_EQ(data, std::to_string(loop) + "-" + std::to_string(next[loop]));
      ++next[loop];
    }
    loops.RunOn(i, [&, i] { subscriptions[i].reset(); });
  }
}

}  // namespace
}  // namespace components::pubsub::in_memory
