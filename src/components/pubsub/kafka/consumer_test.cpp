// Partitions: order, failures, commits, pauses and the group.
#include "components/kafka/consumer.hpp"

#include <gtest/gtest.h>

#include <future>

#include "async/blocking_pool.hpp"
#include "components/pubsub/kafka/test_subscriber.hpp"

namespace components::pubsub::kafka {
namespace {

using components::kafka::SharedBroker;
using Strings = std::vector<std::string>;

// Until the group has committed this offset.
async::Task<void> AwaitCommitted(std::string group, std::string topic, int partition,
                                 int64_t offset) {
  const async::Context context;
  int64_t committed = -1;
  for (int i = 0; i < 50 && committed != offset; ++i) {
    committed = SharedBroker().Committed(group, topic, partition);
    if (committed != offset) {
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(100)));
    }
  }
  EXPECT_EQ(committed, offset);
}
async::Task<void> Wait(milliseconds time) {
  const async::Context context;
  co_await async::Sleep(context, async::Loop::Current()->After(time));
}

TEST(KafkaConsumer, AFailureBlocksItsPartitionOnly) {
  SharedBroker().CreateTopic("blocked", 2);
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    bool fail = true;
    subscriber.decide = [&fail](const Message& message) {
      return message.data == "a" && fail ? Verdict::kFailed : Verdict::kDone;
    };
    const std::string group = Fresh("g");
    EXPECT_TRUE(co_await member.Init(Plain(group)));
    co_await member.Subscribe("blocked", subscriber);
    for (const char* data : {"a", "b", "c"}) co_await member.Put("blocked", 0, data);
    for (const char* data : {"x", "y", "z"}) co_await member.Put("blocked", 1, data);
    co_await subscriber.AwaitThat([&] { return subscriber.CountOf("a") >= 3; });
    EXPECT_EQ(subscriber.Data("1"), (Strings{"x", "y", "z"}));
    EXPECT_EQ(subscriber.CountOf("b"), 0U);
    co_await AwaitCommitted(group, "blocked", 1, 3);
    EXPECT_EQ(SharedBroker().Committed(group, "blocked", 0), 0);
    fail = false;
    co_await subscriber.AwaitThat([&] { return subscriber.CountOf("c") > 0; });
    Strings rest = subscriber.Data("0");
    EXPECT_EQ(rest[rest.size() - 3], "a");
    EXPECT_EQ(rest[rest.size() - 2], "b");
    co_await AwaitCommitted(group, "blocked", 0, 3);
    co_await member.End();
  });
}

TEST(KafkaConsumer, WithoutRetryAMessageIsLeftBehind) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    subscriber.decide = [](const Message& message) {
      return message.data == "a" ? Verdict::kFailed : Verdict::kDone;
    };
    const std::string group = Fresh("g");
    const std::string topic = Fresh("left");
    EXPECT_TRUE(co_await member.Init(Plain(group, {{"consumeRetryEnabled", "false"}})));
    co_await member.Subscribe(topic, subscriber);
    co_await member.Put(topic, 0, "a");
    co_await subscriber.Await(1);
    co_await Wait(milliseconds(500));
    EXPECT_EQ(SharedBroker().Committed(group, topic, 0), 0);
    co_await member.Put(topic, 0, "b");
    co_await subscriber.Await(2);
    EXPECT_EQ(subscriber.Data(), (Strings{"a", "b"}));
    co_await AwaitCommitted(group, topic, 0, 2);
    co_await member.End();
  });
}

TEST(KafkaConsumer, TriesEndAfterBackOffMaxRetries) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    subscriber.decide = [](const Message& message) {
      return message.data == "a" ? Verdict::kFailed : Verdict::kDone;
    };
    const std::string topic = Fresh("spent");
    EXPECT_TRUE(co_await member.Init(
        Plain(Fresh("g"), {{"backOffMaxRetries", "2"}, {"backOffDuration", "50ms"}})));
    co_await member.Subscribe(topic, subscriber);
    co_await member.Put(topic, 0, "a");
    co_await member.Put(topic, 0, "b");
    co_await subscriber.Await(4);
    EXPECT_EQ(subscriber.Data(), (Strings{"a", "a", "a", "b"}));
    co_await member.End();
  });
}

TEST(KafkaConsumer, ABatchIsCommittedUpToItsFirstFailure) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    bool fail = true;
    subscriber.decide = [&fail](const Message& message) {
      return message.data == "b" && fail ? Verdict::kFailed : Verdict::kDone;
    };
    const std::string group = Fresh("g");
    const std::string topic = Fresh("batch");
    EXPECT_TRUE(co_await member.Init(Plain(group)));
    co_await member.Subscribe(
        topic, subscriber,
        contracts::BulkSubscribeOptions{.max_messages = 4, .max_await_millis = 2000});
    contracts::BulkPublishRequest request{.topic = topic};
    for (const char* data : {"a", "b", "c", "d"}) request.entries.push_back({data, data});
    const contracts::Call call = In(milliseconds(10'000));
    EXPECT_TRUE((co_await member.broker.BulkPublish(call, std::move(request))).empty());
    co_await subscriber.Await(6);
    EXPECT_EQ(subscriber.batches.front(), 4U);
    // Only what failed comes again.
    EXPECT_EQ(subscriber.CountOf("a") + subscriber.CountOf("c") + subscriber.CountOf("d"), 3U);
    co_await AwaitCommitted(group, topic, 0, 1);
    fail = false;
    co_await AwaitCommitted(group, topic, 0, 4);
    co_await member.End();
  });
}

TEST(KafkaConsumer, PartitionsGoOnBesideEachOther) {
  SharedBroker().CreateTopic("beside", 3);
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    subscriber.shut = true;
    EXPECT_TRUE(co_await member.Init(Plain(Fresh("g"))));
    co_await member.Subscribe("beside", subscriber);
    for (const int partition : {0, 1, 2}) {
      co_await member.Put("beside", partition, "first");
      co_await member.Put("beside", partition, "second");
    }
    co_await subscriber.Await(3);
    co_await Wait(milliseconds(300));
    EXPECT_EQ(subscriber.CountOf("first"), 3U);
    EXPECT_EQ(subscriber.CountOf("second"), 0U);
    const contracts::Call call = In(milliseconds(5000));
    const auto backlog = co_await member.subscriptions[0]->Backlog(call);
    EXPECT_TRUE(backlog && *backlog == 3) << (backlog ? backlog->value_or(-1) : -2);
    subscriber.Open();
    co_await subscriber.Await(6);
    co_await member.End();
  });
}

// An app that is away holds its messages while others come and go in the group.
TEST(KafkaConsumer, HeldMessagesOutliveARebalance) {
  SharedBroker().CreateTopic("dealt", 4);
  Play(+[]() -> async::Task<void> {
    for (const char* strategy : {"range", "sticky"}) {
      Member one;
      Member two;
      Subscriber first;
      Subscriber second;
      first.shut = true;
      const Entries settings = Plain(Fresh("g"), {{"consumerGroupRebalanceStrategy", strategy}});
      EXPECT_TRUE(co_await one.Init(settings));
      EXPECT_TRUE(co_await two.Init(settings));
      co_await one.Subscribe("dealt", first);
      for (int partition = 0; partition < 4; ++partition) {
        co_await one.Put("dealt", partition, base::StrCat("held-", partition));
        co_await one.Put("dealt", partition, base::StrCat("next-", partition));
      }
      co_await first.Await(4);
      one.subscriptions[0]->Pause();
      co_await two.Subscribe("dealt", second);
      // Half of the partitions have moved, with the messages nobody had finished.
      co_await second.Await(4);
      EXPECT_EQ(second.got.size(), 4U) << strategy;
      one.subscriptions[0]->Resume();
      first.Open();
      co_await first.Await(6);
      co_await Wait(milliseconds(500));
      for (int partition = 0; partition < 4; ++partition) {
        // Each was handed to the first once, and to the second if it has the partition.
        EXPECT_EQ(first.CountOf(base::StrCat("held-", partition)), 1U) << strategy;
        EXPECT_EQ(first.CountOf(base::StrCat("next-", partition)) +
                      second.CountOf(base::StrCat("next-", partition)),
                  1U)
            << strategy << " " << partition;
      }
      co_await one.End();
      co_await two.End();
    }
  });
}

// A partition was paused, goes back to the group, and comes again after the pause has ended.
TEST(KafkaConsumer, APauseEndsWhilePartitionsAreDealt) {
  SharedBroker().CreateTopic("redealt", 4);
  Play(+[]() -> async::Task<void> {
    const Entries settings = Plain(Fresh("g"), {{"consumerGroupRebalanceStrategy", "range"}});
    const auto read =
        components::kafka::ReadSettings(config::Properties("test", Entries(settings)), true);
    EXPECT_TRUE(read);
    // Where a member finds out where to go on: busy for as long as the test likes.
    auto pool = std::make_shared<async::BlockingPool>(1);
    Subscriber first;
    const contracts::Call call = In(milliseconds(20'000));
    auto made = co_await components::kafka::Consumer::Start(
        call, {.settings = *read, .topics = {"redealt"}, .handler = &first, .pool = pool});
    EXPECT_TRUE(made);
    std::promise<void> release;
    pool->Submit([wait = release.get_future()] { wait.wait(); });
    (*made)->Pause();
    Member two;
    Subscriber second;
    EXPECT_TRUE(co_await two.Init(settings));
    co_await two.Subscribe("redealt", second);
    (*made)->Resume();
    release.set_value();
    for (int partition = 0; partition < 4; ++partition) {
      co_await two.Put("redealt", partition, std::to_string(partition));
    }
    co_await first.Await(2);
    co_await second.Await(2);
    co_await two.End();
    const contracts::Call end = In(milliseconds(2000));
    co_await (*made)->Close(end);
  });
}

// Handlers that are quick finish before their partition goes to another: nothing comes twice.
TEST(KafkaConsumer, ARebalanceWaitsForBusyHandlers) {
  SharedBroker().CreateTopic("busy", 4);
  Play(+[]() -> async::Task<void> {
    Member one;
    Member two;
    Subscriber first;
    Subscriber second;
    const std::string group = Fresh("g");
    EXPECT_TRUE(co_await one.Init(Plain(group)));
    EXPECT_TRUE(co_await two.Init(Plain(group)));
    co_await one.Subscribe("busy", first);
    constexpr int kMessages = 400;
    async::Gate gate;
    const auto publish = [](Member& member) -> async::Task<void> {
      for (int i = 0; i < kMessages; ++i) co_await member.Put("busy", i % 4, std::to_string(i));
    };
    gate.Spawn(publish(one));
    co_await first.Await(20);
    co_await two.Subscribe("busy", second);
    const async::Context patient;
    for (int i = 0; i < 400 && first.got.size() + second.got.size() < kMessages; ++i) {
      co_await Wait(milliseconds(50));
    }
    co_await Wait(milliseconds(300));
    EXPECT_EQ(first.got.size() + second.got.size(), static_cast<std::size_t>(kMessages));
    EXPECT_GT(second.got.size(), 0U);
    co_await gate.Close(patient);
    co_await two.End();
    co_await one.End();
  });
}

TEST(KafkaConsumer, APauseLongerThanTheSession) {
  SharedBroker().CreateTopic("long", 2);
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    subscriber.shut = true;
    const std::string group = Fresh("g");
    EXPECT_TRUE(co_await member.Init(Plain(group, {{"sessionTimeout", "6s"}})));
    co_await member.Subscribe("long", subscriber);
    co_await member.Put("long", 0, "held");
    co_await subscriber.Await(1);
    member.subscriptions[0]->Pause();
    for (int i = 0; i < 100; ++i) co_await member.Put("long", i % 2, std::to_string(i));
    co_await Wait(milliseconds(8000));
    EXPECT_EQ(subscriber.got.size(), 1U);
    const auto start = async::Clock::now();
    member.subscriptions[0]->Resume();
    subscriber.Open();
    co_await subscriber.Await(101);
    EXPECT_LT(async::Clock::now() - start, milliseconds(500));
    EXPECT_EQ(subscriber.CountOf("held"), 1U);
    EXPECT_EQ(subscriber.got.size(), 101U);
    co_await AwaitCommitted(group, "long", 0, 51);
    co_await member.End();
  });
}

// The member of an app that is away for longer than the group waits for a member that does not look
// for messages: it stays, so that nothing is dealt to others.
TEST(KafkaConsumer, APauseLongerThanThePollInterval) {
  SharedBroker().CreateTopic("longer", 2);
  Play(+[]() -> async::Task<void> {
    const Entries entries = Plain(Fresh("g"), {{"sessionTimeout", "6s"}});
    const auto read =
        components::kafka::ReadSettings(config::Properties("test", Entries(entries)), true);
    EXPECT_TRUE(read);
    auto settings = std::make_shared<components::kafka::Settings>(**read);
    EXPECT_EQ(settings->poll_interval, std::chrono::minutes(5));
    settings->poll_interval = milliseconds(6000);
    Subscriber first;
    first.shut = true;
    const contracts::Call call = In(milliseconds(20'000));
    auto made = co_await components::kafka::Consumer::Start(
        call, {.settings = settings,
               .topics = {"longer"},
               .handler = &first,
               .pool = std::make_shared<async::BlockingPool>(1)});
    EXPECT_TRUE(made);
    Member other;
    Subscriber second;
    EXPECT_TRUE(co_await other.Init(entries));
    co_await other.Subscribe("longer", second);
    // Each has one of the two; which is up to the group.
    for (const int partition : {0, 1}) co_await other.Put("longer", partition, "held");
    co_await first.Await(1);
    co_await second.Await(1);
    const std::string own = *first.got.front().metadata.Find("__partition");
    (*made)->Pause();
    for (int i = 0; i < 20; ++i) co_await other.Put("longer", i % 2, std::to_string(i));
    co_await second.Await(11);
    co_await Wait(milliseconds(8000));
    EXPECT_EQ(first.got.size(), 1U);
    EXPECT_EQ(second.got.size(), 11U);
    EXPECT_EQ(second.Data(own).size(), 0U) << "the group has dealt anew";
    const auto start = async::Clock::now();
    (*made)->Resume();
    first.Open();
    co_await first.Await(11);
    EXPECT_LT(async::Clock::now() - start, milliseconds(500));
    EXPECT_EQ(first.Data(own).size(), 11U);
    EXPECT_EQ(first.CountOf("held"), 1U);
    co_await other.End();
    const contracts::Call end = In(milliseconds(2000));
    co_await (*made)->Close(end);
  });
}

TEST(KafkaConsumer, BeginsAtTheOldestIfToldSo) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber oldest;
    const std::string topic = Fresh("begin");
    EXPECT_TRUE(co_await member.Init(Plain(Fresh("g"), {{"initialOffset", "oldest"}})));
    EXPECT_TRUE(co_await member.Publish(topic, "before"));
    co_await member.Subscribe(topic, oldest);
    co_await oldest.Await(1);
    EXPECT_EQ(oldest.Data(), (Strings{"before"}));
    co_await member.End();
  });
}

}  // namespace
}  // namespace components::pubsub::kafka
