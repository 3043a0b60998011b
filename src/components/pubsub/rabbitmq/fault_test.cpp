// Pauses, failures and brokers that go away: what happens to messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "components/pubsub/rabbitmq/test_pubsub.hpp"

namespace components::pubsub::rabbitmq {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Handler;
using testing::SharedBroker;
using testing::TestPubSub;
using testing::Verdict;
using testing::WaitFor;

milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}
std::vector<std::string> Names(int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back("m" + std::to_string(i));
  return out;
}
std::string Consumers(const std::string& queue) {
  const std::string line = SharedBroker().Line("queues", queue, "consumers");
  return line.substr(line.find('\t') + 1);
}

// A queue that deletes itself must not do so because the app is away.
TEST(Pauses, AQueueThatDeletesItselfStays) {
  Handler handler;
  TestPubSub pubsub({{"concurrency", "single"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "self"), "ok");
  pubsub.Pause();
  // From then on no more than one leaves the broker.
  EXPECT_TRUE(WaitFor([] {
    const std::string all = SharedBroker().Ctl("list_consumers queue_name prefetch_count");
    return all.find("g-self\t1\n") != std::string::npos && Consumers("g-self") == "1";
  }));
  for (const std::string& name : Names(20)) EXPECT_EQ(pubsub.Publish("self", name), "ok");
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 20; }));
  EXPECT_EQ(Consumers("g-self"), "1");
  EXPECT_EQ(SharedBroker().Line("queues", "g-self", "messages_unacknowledged"), "g-self\t1");
  EXPECT_EQ(handler.count, 0);
  const auto start = std::chrono::steady_clock::now();
  pubsub.Resume();
  EXPECT_TRUE(WaitFor([&] { return handler.count == 20; }));
  EXPECT_LT(Since(start), seconds(1));
  EXPECT_EQ(handler.data(), Names(20));
  EXPECT_TRUE(WaitFor([&] { return Consumers("g-self") == "1"; }));
}

TEST(Pauses, AQueueThatStaysHasNoConsumer) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "stay"), "ok");
  for (int i = 0; i < 10; ++i) {
    pubsub.Pause();
    pubsub.Resume();
  }
  pubsub.Pause();
  EXPECT_TRUE(WaitFor([&] { return Consumers("g-stay") == "0"; }));
  EXPECT_EQ(pubsub.Publish("stay", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 1; }));
  EXPECT_EQ(handler.count, 0);
  pubsub.Resume();
  EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
}

// What is held too long goes back, and comes again in its place.
void HeldTooLong(const char* topic, const char* self_deleting) {
  Handler handler;
  handler.keep = true;
  TestPubSub pubsub(
      {{"deletedWhenUnused", self_deleting}, {"maxHoldTime", "400ms"}, {"concurrency", "single"}});
  ASSERT_EQ(pubsub.Subscribe(handler, topic), "ok");
  for (const std::string& name : Names(5)) EXPECT_EQ(pubsub.Publish(topic, name), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.inside == 1; }));
  pubsub.Pause();
  EXPECT_TRUE(WaitFor([&] { return handler.canceled == 1; }));
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 5; }));
  handler.keep = false;
  pubsub.Resume();
  EXPECT_TRUE(WaitFor([&] { return handler.count == 6; }));
  std::vector<std::string> expected = Names(5);
  expected.insert(expected.begin(), "m0");
  EXPECT_EQ(handler.data(), expected);
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 0; }));
}
TEST(Pauses, WhatIsHeldTooLongGoesBack) {
  HeldTooLong("held", "false");
}
TEST(Pauses, WhatIsHeldTooLongGoesBackToAQueueThatDeletesItself) {
  HeldTooLong("heldself", "true");
}

TEST(Flow, TheBrokerKeepsTheRest) {
  Handler handler;
  handler.keep = true;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "many"), "ok");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(pubsub.Publish("many", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.inside == 64 && pubsub.Backlog() == 136; }));
  EXPECT_EQ(handler.count, 64);
  pubsub.Release(handler);
  EXPECT_TRUE(WaitFor([&] { return handler.count == 200; }));
}

TEST(Failures, AreDroppedUnlessRequeued) {
  Handler handler;
  handler.verdict = Verdict::kFailed;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "drop"), "ok");
  EXPECT_EQ(pubsub.Publish("drop", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] {
    return handler.count == 1 && SharedBroker().Line("queues", "g-drop", "messages") == "g-drop\t0";
  }));
  EXPECT_EQ(handler.count, 1);
}

TEST(Failures, RequeuedOnesDoNotSpin) {
  Handler handler;
  handler.verdict = Verdict::kFailed;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"requeueInFailure", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "spin"), "ok");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(pubsub.Publish("spin", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 4; }));
  EXPECT_GE(Since(start), milliseconds(80 + 160 + 320));
  handler.verdict = Verdict::kDone;
  EXPECT_TRUE(WaitFor([&] { return handler.count == 5; }));
}

TEST(Failures, AutoAckTakesThemForHandled) {
  Handler handler;
  handler.verdict = Verdict::kFailed;
  TestPubSub pubsub({{"deletedWhenUnused", "false"},
                     {"requeueInFailure", "true"},
                     {"autoAck", "true"},
                     {"enableDeadLetter", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "auto"), "ok");
  EXPECT_EQ(pubsub.Publish("auto", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] {
    return handler.count == 1 && SharedBroker().Line("queues", "g-auto", "messages") == "g-auto\t0";
  }));
  EXPECT_EQ(SharedBroker().Line("queues", "dlq-g-auto", "messages"), "dlq-g-auto\t0");
}

TEST(Ends, WhatWasNotFinishedStaysInItsPlace) {
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"concurrency", "single"}});
  {
    Handler handler;
    handler.keep = true;
    ASSERT_EQ(pubsub.Subscribe(handler, "ends"), "ok");
    for (const std::string& name : Names(5)) EXPECT_EQ(pubsub.Publish("ends", name), "ok");
    EXPECT_TRUE(WaitFor([&] { return handler.inside == 1; }));
    pubsub.End();
    EXPECT_EQ(handler.canceled, 1);
  }
  Handler handler;
  ASSERT_EQ(pubsub.Subscribe(handler, "ends"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 5; }));
  EXPECT_EQ(handler.data(), Names(5));
}

TEST(Broker, DeletesTheQueue) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "gone"), "ok");
  SharedBroker().Ctl("delete_queue g-gone");
  EXPECT_TRUE(WaitFor([&] { return Consumers("g-gone") == "1"; }));
  EXPECT_EQ(pubsub.Publish("gone", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
}

TEST(Broker, BreaksAllConnections) {
  Handler handler;
  handler.keep = true;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "broken"), "ok");
  EXPECT_EQ(pubsub.Publish("broken", "a"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.inside == 1; }));
  pubsub.Pause();
  SharedBroker().Ctl("close_all_connections test");
  // Nobody was at work on it: the broker has it again, and its copy here is given up.
  EXPECT_TRUE(WaitFor([&] { return handler.canceled == 1; }));
  EXPECT_TRUE(WaitFor([&] { return pubsub.Publish("broken", "b") == "ok"; }));
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 2; }));
  handler.keep = false;
  pubsub.Resume();
  EXPECT_TRUE(WaitFor([&] { return handler.count == 3; }));
  EXPECT_EQ(handler.data(), (std::vector<std::string>{"a", "a", "b"}));
}

// Every message that was confirmed arrives, whatever happens to the broker.
TEST(Broker, KilledWhilePublishing) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "killed"), "ok");
  std::set<std::string> confirmed;
  std::atomic<int> sent = 0;
  std::thread killer([&] {
    (void)WaitFor([&] { return sent > 300; });
    SharedBroker().Kill();
    SharedBroker().Start();
  });
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  for (int after = 0; after < 100 && std::chrono::steady_clock::now() < end;) {
    const std::string name = "m" + std::to_string(++sent);
    if (pubsub.Publish("killed", name, {}, seconds(2)) == "ok") {
      confirmed.insert(name);
      after += sent > 400 ? 1 : 0;
    } else if (sent <= 400) {
      sent = 400;
    }
  }
  killer.join();
  EXPECT_GT(confirmed.size(), 300U);
  EXPECT_TRUE(WaitFor([&] {
    const std::vector<std::string> data = handler.data();
    const std::set<std::string> arrived(data.begin(), data.end());
    return std::ranges::includes(arrived, confirmed);
  }));
}

TEST(Broker, Frozen) {
  Handler handler;
  TestPubSub pubsub(
      {{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}, {"heartBeat", "1s"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "frozen"), "ok");
  SharedBroker().Freeze();
  auto start = std::chrono::steady_clock::now();
  const std::string late = pubsub.Publish("frozen", "x", {}, milliseconds(300));
  EXPECT_TRUE(late.starts_with("timeout: rabbitmq at ")) << late;
  EXPECT_LT(Since(start), seconds(2));
  start = std::chrono::steady_clock::now();
  // Heartbeats find out, before the deadline does.
  const std::string silent = pubsub.Publish("frozen", "y", {}, seconds(15));
  EXPECT_NE(silent.find("has been silent for 2s"), std::string::npos) << silent;
  EXPECT_LT(Since(start), seconds(5));
  SharedBroker().Continue();
  EXPECT_TRUE(WaitFor([&] { return pubsub.Publish("frozen", "z", {}, seconds(2)) == "ok"; }));
  EXPECT_TRUE(WaitFor([&] {
    const std::vector<std::string> data = handler.data();
    return std::ranges::count(data, "z") > 0;
  }));
}

TEST(Broker, TakesNoMessages) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "blocked"), "ok");
  EXPECT_EQ(pubsub.Publish("blocked", "a"), "ok");
  SharedBroker().Block(true);
  std::string error = "ok";
  EXPECT_TRUE(WaitFor([&] {
    error = pubsub.Publish("blocked", "b", {}, milliseconds(300));
    return error.find("takes no messages for now (low on memory)") != std::string::npos;
  })) << error;
  // Consuming goes on: it has a connection of its own.
  EXPECT_EQ(pubsub.Backlog(), 0);
  SharedBroker().Block(false);
  EXPECT_TRUE(WaitFor([&] { return pubsub.Publish("blocked", "c") == "ok"; }));
  EXPECT_TRUE(WaitFor([&] { return !handler.data().empty() && handler.data().back() == "c"; }));
}

// A topic whose exchange has deleted itself since it was last used.
TEST(Broker, AnExchangeThatDeletedItself) {
  for (const char* confirm : {"true", "false"}) {
    Handler handler;
    const std::string topic = std::string("vanish-") + confirm;
    TestPubSub pubsub({{"publisherConfirm", confirm}});
    ASSERT_EQ(pubsub.Subscribe(handler, topic), "ok");
    EXPECT_EQ(pubsub.Publish(topic, "a"), "ok");
    EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
    pubsub.End();
    EXPECT_TRUE(WaitFor([&] { return SharedBroker().Line("exchanges", topic, "").empty(); }));
    EXPECT_EQ(pubsub.Publish(topic, "b"), "ok");
    ASSERT_EQ(pubsub.Subscribe(handler, topic), "ok");
    EXPECT_EQ(pubsub.Publish(topic, "c"), "ok");
    EXPECT_TRUE(WaitFor([&] { return handler.count == 2; }));
  }
}

}  // namespace
}  // namespace components::pubsub::rabbitmq
