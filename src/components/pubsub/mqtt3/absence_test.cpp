// What becomes of messages while the app, this process or the broker is away.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "components/pubsub/mqtt3/test_pubsub.hpp"

namespace components::pubsub::mqtt3 {
namespace {

using namespace testing;  // NOLINT: the fixtures of this folder
using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

Texts Numbers(int count) {
  Texts out;
  for (int i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

// A session of the broker's keeps what is published while nobody is connected.
TEST(MqttAbsence, WhatIsPublishedWhileWeAreDownArrivesLater) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto publisher = co_await Launch(server, "publisher");
    auto broker = co_await Launch(server, "c");
    Handler handler;
    auto subscription = co_await Subscribe(*broker, handler, "t");
    co_await End(subscription);
    co_await End(broker);
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(co_await Publish(*publisher, "t", std::to_string(i)));
    server.Restart();  // the broker's own restart in between

    broker = co_await Launch(server, "c");
    // What comes before the subscription waits for it.
    const async::Context patient = Patient();
    co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(100)));
    subscription = co_await Subscribe(*broker, handler, "t");
    co_await handler.Await(50);
    EXPECT_EQ(handler.data(), Numbers(50));
    co_await End(subscription);
    co_await End(broker);
    co_await End(publisher);
  });
}

// A runtime that ends with messages in hand gets them again.
TEST(MqttAbsence, WhatWasInHandComesAgainAfterOurRestart) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    for (const char* qos : {"1", "2"}) {
      auto broker = co_await Launch(server, "c", {{"qos", qos}});
      Handler handler;
      handler.held = true;
      auto subscription = co_await Subscribe(*broker, handler, "t");
      for (const char* data : {"a", "b"}) EXPECT_TRUE(co_await Publish(*broker, "t", data));
      co_await handler.Await(2);
      co_await End(subscription);
      co_await End(broker);

      Handler next;
      broker = co_await Launch(server, "c", {{"qos", qos}});
      subscription = co_await Subscribe(*broker, next, "t");
      co_await next.Await(2);
      EXPECT_EQ(next.data(), (Texts{"a", "b"}));
      EXPECT_TRUE(co_await Publish(*broker, "t", "c"));
      co_await next.Await(3);
      co_await End(subscription);
      co_await End(broker);
    }
  });
}

// A long pause: the broker keeps what it may not send, and all comes in order.
void PauseForLong(const std::string& qos) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto publisher = co_await Launch(server, "publisher", {{"qos", qos}});
    auto broker = co_await Launch(server, "c", {{"qos", qos}});
    Handler handler;
    auto subscription = co_await Subscribe(*broker, handler, "t");
    handler.held = true;
    EXPECT_TRUE(co_await Publish(*publisher, "t", "0"));
    co_await handler.Await(1);
    subscription->Pause();
    for (int i = 1; i < 500; ++i) {
      EXPECT_TRUE(co_await Publish(*publisher, "t", std::to_string(i)));
    }
    server.Restart();
    const Call call(Patient());
    while (!co_await broker->Ping(call)) {
      co_await async::Sleep(call, async::Loop::Current()->After(milliseconds(5)));
    }
    // Publishing is not held up by a pause.
    EXPECT_TRUE(co_await Publish(*broker, "other", "x"));
    EXPECT_EQ(handler.messages.size(), 1U);
    handler.Release();
    const auto start = async::Clock::now();
    subscription->Resume();
    co_await handler.Await(500);
    EXPECT_LT(async::Clock::now() - start, seconds(10));
    EXPECT_EQ(handler.data(), Numbers(500));
    co_await End(subscription);
    co_await End(broker);
    co_await End(publisher);
  });
}

TEST(MqttAbsence, ALongPauseLosesNothing) {
  PauseForLong("1");
}
TEST(MqttAbsence, ALongPauseLosesNothingOfExactlyOnce) {
  PauseForLong("2");
}

// A message that waits for its next try goes on as soon as the app is back.
TEST(MqttAbsence, AResumeEndsTheBackOff) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c");
    Handler handler;
    handler.judge = [](const contracts::Message&) { return Verdict::kReturn; };
    auto subscription = co_await Subscribe(*broker, handler, "t");
    subscription->Pause();
    EXPECT_TRUE(co_await Publish(*broker, "t", "a"));
    const async::Context patient = Patient();
    co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(200)));
    EXPECT_TRUE(handler.messages.empty());
    subscription->Resume();
    co_await handler.Await(1);
    subscription->Pause();
    handler.judge = nullptr;
    co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(300)));
    EXPECT_EQ(handler.messages.size(), 1U);
    subscription->Resume();
    co_await handler.Await(2);
    co_await End(subscription);
    co_await End(broker);
  });
}

// Without sessions the subscription at least comes back by itself.
TEST(MqttAbsence, ACleanSessionSubscribesAnew) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c", {{"cleanSession", "true"}});
    Handler handler;
    auto subscription = co_await Subscribe(*broker, handler, "t");
    server.Kill();
    server.Start();
    // Subscriptions stand before anything is published on the new connection.
    base::Status status = co_await Publish(*broker, "t", "a");
    if (!status) status = co_await Publish(*broker, "t", "a");
    EXPECT_TRUE(status);
    co_await handler.Await(1);
    co_await End(subscription);
    co_await End(broker);
  });
}

// Many messages while the broker restarts and the app comes, goes and fails.
TEST(MqttAbsence, AtLeastOnceThroughItAll) {
  TestBroker server;
  Play([&]() -> async::Task<void> {
    auto broker = co_await Launch(server, "c");
    Handler handler;
    int calls = 0;
    handler.judge = [&](const contracts::Message&) {
      return ++calls % 7 == 0 ? Verdict::kFailed : Verdict::kDone;
    };
    auto subscription = co_await Subscribe(*broker, handler, "t");
    constexpr int kCount = 600;
    std::set<std::string> wanted;
    for (int i = 0; i < kCount; ++i) {
      if (i % 200 == 100) server.Restart();
      if (i % 100 == 20) subscription->Pause();
      if (i % 100 == 70) subscription->Resume();
      if (i == 350) {
        co_await End(subscription);
        subscription = co_await Subscribe(*broker, handler, "t");
      }
      const std::string data = std::to_string(i);
      if (co_await Publish(*broker, "t", data)) wanted.insert(data);
    }
    subscription->Resume();
    const async::Context patient = Patient();
    std::set<std::string> seen;
    while (async::Loop::Current()->now() < patient.deadline) {
      seen.clear();
      for (const std::string& data : handler.data()) seen.insert(data);
      if (std::ranges::includes(seen, wanted)) break;
      co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(20)));
    }
    EXPECT_GE(wanted.size(), 590U);
    EXPECT_TRUE(std::ranges::includes(seen, wanted));
    handler.judge = nullptr;
    co_await End(subscription);
    co_await End(broker);
  });
}

}  // namespace
}  // namespace components::pubsub::mqtt3
