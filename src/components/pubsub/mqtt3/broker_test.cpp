#include "components/pubsub/mqtt3/broker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "components/pubsub/mqtt3/descriptor.hpp"
#include "components/pubsub/mqtt3/test_pubsub.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::pubsub::mqtt3 {
namespace {

using namespace testing;  // NOLINT: the fixtures of this folder
using base::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

TEST(MqttBroker, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(MqttBroker, RefusesBadSettings) {
  Play([]() -> async::Task<void> {
    const std::pair<Entries, std::string> cases[] = {
        {{{"consumerID", "c"}}, "url"},
        {{{"url", "mqtt://localhost"}}, "consumerID"},
        {{{"url", "mqtt://localhost"}, {"consumerID", "c"}, {"qos", "3"}}, "qos"},
        {{{"url", "mqtt://localhost"}, {"consumerID", "c"}, {"concurrency", "x"}}, "concurrency"}};
    for (const auto& [entries, field] : cases) {
      Broker broker;
      const base::Status status = co_await Start(broker, entries);
      EXPECT_FALSE(status) << field;
      if (!status) {
        EXPECT_EQ(status.error().kind, Kind::kInvalidArgument);
        EXPECT_NE(status.error().message.find(field), std::string::npos) << status.error().message;
      }
      const Call call(Patient());
      EXPECT_FALSE(co_await broker.Ping(call));
      co_await broker.Close(call);
    }
  });
}

TEST(MqttBroker, WildcardsAndTheTopicOfEachMessage) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c");
    Handler one;
    Handler all;
    auto level = co_await Subscribe(*broker, one, "home/+/light");
    auto rest = co_await Subscribe(*broker, all, "garden/#");
    for (const char* topic : {"home/hall/light", "home/hall/door", "garden", "garden/a/b"}) {
      EXPECT_TRUE(co_await Publish(*broker, topic, topic));
    }
    co_await one.Await(1);
    co_await all.Await(2);
    EXPECT_EQ(one.messages[0].topic, "home/hall/light");
    EXPECT_EQ(all.data(), (Texts{"garden", "garden/a/b"}));
    EXPECT_EQ(all.messages[1].topic, "garden/a/b");
    Handler none;
    const Call call(Patient());
    const auto bad = co_await broker->Subscribe(call, {.topic = "a/#/b"}, none);
    EXPECT_FALSE(bad);
    if (!bad) EXPECT_EQ(bad.error().kind, Kind::kInvalidArgument);
    EXPECT_TRUE(co_await broker->Ping(call));
    co_await End(level);
    co_await End(rest);
    co_await End(broker);
  });
}

TEST(MqttBroker, RetainedMessagesAreMarked) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c");
    EXPECT_TRUE(co_await Publish(*broker, "t", "kept", {{"retain", "true"}}));
    EXPECT_TRUE(co_await Publish(*broker, "t", "gone"));
    Handler handler;
    auto subscription = co_await Subscribe(*broker, handler, "t");
    co_await handler.Await(1);
    EXPECT_TRUE(co_await Publish(*broker, "t", "new"));
    co_await handler.Await(2);
    EXPECT_EQ(handler.data(), (Texts{"kept", "new"}));
    EXPECT_EQ(*handler.messages[0].metadata.Find("retained"), "true");
    EXPECT_EQ(*handler.messages[1].metadata.Find("retained"), "false");
    co_await End(subscription);
    co_await End(broker);

    // By setting, and overridden by the message.
    broker = co_await Launch(server, "d", {{"retain", "true"}});
    EXPECT_TRUE(co_await Publish(*broker, "u", "kept"));
    EXPECT_TRUE(co_await Publish(*broker, "u", "gone", {{"retain", "false"}}));
    Handler other;
    subscription = co_await Subscribe(*broker, other, "u");
    co_await other.Await(1);
    EXPECT_EQ(other.data(), Texts{"kept"});
    co_await End(subscription);
    co_await End(broker);
  });
}

TEST(MqttBroker, SharedSubscriptionsSplitTheMessages) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto one = co_await Launch(server, "one");
    auto two = co_await Launch(server, "two");
    Handler left;
    Handler right;
    auto first = co_await Subscribe(*one, left, "$share/group/orders/+");
    auto second = co_await Subscribe(*two, right, "$share/group/orders/+");
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(co_await Publish(*one, "orders/new", std::to_string(i)));
    }
    const async::Context patient = Patient();
    while (left.messages.size() + right.messages.size() < 40 &&
           async::Loop::Current()->now() < patient.deadline) {
      co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(5)));
    }
    std::set<std::string> seen;
    for (const Handler* handler : {&left, &right}) {
      EXPECT_GE(handler->messages.size(), 5U);
      for (const auto& message : handler->messages) seen.insert(message.data);
    }
    EXPECT_EQ(left.messages.size() + right.messages.size(), 40U);
    EXPECT_EQ(seen.size(), 40U);
    EXPECT_EQ(left.messages[0].topic, "orders/new");
    co_await End(first);
    co_await End(second);
    co_await End(one);
    co_await End(two);
  });
}

TEST(MqttBroker, LargeMessages) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c", {{"qos", "2"}});
    Handler handler;
    auto subscription = co_await Subscribe(*broker, handler, "t");
    std::string data(20 << 20, 'x');
    for (std::size_t i = 0; i < data.size(); i += 997) data[i] = static_cast<char>(i);
    EXPECT_TRUE(co_await Publish(*broker, "t", data));
    co_await handler.Await(1);
    EXPECT_TRUE(handler.messages[0].data == data);
    co_await End(subscription);
    co_await End(broker);
  });
}

TEST(MqttBroker, OneFailureDoesNotStopTheOthers) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c");
    Handler handler;
    int tries = 0;
    handler.judge = [&](const contracts::Message& message) {
      return message.data == "bad" && ++tries < 4 ? Verdict::kFailed : Verdict::kDone;
    };
    auto subscription = co_await Subscribe(*broker, handler, "t");
    EXPECT_TRUE(co_await Publish(*broker, "t", "bad"));
    // More than the broker sends without acknowledgements.
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(co_await Publish(*broker, "t", "good"));
    co_await handler.Await(54);
    EXPECT_EQ(tries, 4);
    EXPECT_EQ(std::ranges::count(handler.data(), "good"), 50);
    co_await End(subscription);
    co_await End(broker);
  });
}

TEST(MqttBroker, OneByOneKeepsTheOrderOverAFailure) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c", {{"concurrency", "single"}});
    Handler handler;
    int tries = 0;
    handler.judge = [&](const contracts::Message& message) {
      return message.data == "b" && ++tries < 3 ? Verdict::kFailed : Verdict::kDone;
    };
    auto subscription = co_await Subscribe(*broker, handler, "t");
    for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(co_await Publish(*broker, "t", data));
    co_await handler.Await(5);
    EXPECT_EQ(handler.data(), (Texts{"a", "b", "b", "b", "c"}));
    co_await End(subscription);
    co_await End(broker);
  });
}

// QoS 0 is at most once: what fails is gone.
TEST(MqttBroker, QualityZeroIsNotTriedAgain) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c", {{"qos", "0"}});
    Handler handler;
    handler.judge = [](const contracts::Message&) { return Verdict::kFailed; };
    auto subscription = co_await Subscribe(*broker, handler, "t");
    for (const char* data : {"a", "b"}) EXPECT_TRUE(co_await Publish(*broker, "t", data));
    co_await handler.Await(2);
    EXPECT_EQ(handler.data(), (Texts{"a", "b"}));
    co_await End(subscription);
    co_await End(broker);
  });
}

TEST(MqttBroker, ForgetsOnCloseWhereItIsAskedTo) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    for (const bool clean : {false, true}) {
      auto broker = co_await Launch(server, "c", {{"cleanSession", clean ? "true" : "false"}});
      Handler handler;
      contracts::Metadata metadata;
      if (!clean) metadata.Set("unsubscribeOnClose", "true");
      auto subscription = co_await Subscribe(*broker, handler, "t", metadata);
      co_await End(subscription);
      EXPECT_TRUE(co_await Publish(*broker, "t", "missed"));
      subscription = co_await Subscribe(*broker, handler, "t", metadata);
      EXPECT_TRUE(co_await Publish(*broker, "t", "seen"));
      co_await handler.Await(1);
      EXPECT_EQ(handler.data(), Texts{"seen"});
      co_await End(subscription);
      co_await End(broker);
    }
  });
}

// Publishers and subscriptions on loops other than the component's home.
TEST(MqttBroker, EveryLoopMayCall) {
  TestBroker server;
  constexpr int kEach = 300;
  async::LoopGroup loops(3);
  std::unique_ptr<Broker> broker;
  Handler handlers[3];
  std::unique_ptr<contracts::Subscription> subscriptions[3];
  loops.RunTaskOn(0, [&]() -> async::Task<void> { broker = co_await Launch(server, "c"); });
  for (int i = 0; i < 3; ++i) {
    loops.RunTaskOn(i, [&, i]() -> async::Task<void> {
      subscriptions[i] = co_await Subscribe(*broker, handlers[i], "t/" + std::to_string(i));
    });
  }
  std::vector<std::thread> publishers;
  for (int i = 0; i < 3; ++i) {
    publishers.emplace_back([&, i] {
      loops.RunTaskOn(i, [&]() -> async::Task<void> {
        for (int n = 0; n < kEach; ++n) {
          EXPECT_TRUE(co_await Publish(*broker, "t/" + std::to_string(n % 3), "x"));
        }
        const async::Context canceled = Within(milliseconds(-1));
        const Call call(canceled);
        const base::Status late = co_await broker->Publish(call, {.topic = "u", .data = "x"});
        EXPECT_FALSE(late);
      });
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  for (int i = 0; i < 3; ++i) {
    loops.RunTaskOn(i, [&, i]() -> async::Task<void> {
      co_await handlers[i].Await(kEach);
      co_await End(subscriptions[i]);
    });
  }
  loops.RunTaskOn(0, [&]() -> async::Task<void> { co_await End(broker); });
}

}  // namespace
}  // namespace components::pubsub::mqtt3
