// A broker that dies, freezes and comes back.
#include <gtest/gtest.h>

#include "components/pubsub/kafka/test_subscriber.hpp"

namespace components::pubsub::kafka {
namespace {

using components::kafka::TestBroker;

TestBroker& Faulty() {
  static TestBroker broker;
  return broker;
}
Entries To(const std::string& group, Entries more = {}) {
  Entries entries{{"brokers", Faulty().address()},
                  {"authType", "none"},
                  {"consumerID", group},
                  {"backOffDuration", "200ms"}};
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

// Publishes until it succeeds.
async::Task<void> Insist(Member& member, std::string topic, std::string data) {
  for (int i = 0; i < 100; ++i) {
    if (co_await member.Publish(topic, data, {}, milliseconds(1000))) co_return;
    const async::Context context;
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(50)));
  }
  ADD_FAILURE() << "cannot be published: " << data;
}

TEST(KafkaFault, AFrozenBrokerIsAnErrorInTime) {
  Faulty();
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    const std::string topic = Fresh("frozen");
    EXPECT_TRUE(co_await member.Init(To(Fresh("g"))));
    co_await member.Subscribe(topic, subscriber);
    EXPECT_TRUE(co_await member.Publish(topic, "a"));
    Faulty().Pause();
    const auto start = async::Clock::now();
    const base::Status status = co_await member.Publish(topic, "b", {}, milliseconds(700));
    EXPECT_FALSE(status);
    if (!status) {
      EXPECT_EQ(status.error().kind, base::Kind::kTimeout) << status.error().message;
      EXPECT_NE(status.error().message.find("no answer from Kafka"), std::string::npos);
    }
    EXPECT_LT(async::Clock::now() - start, milliseconds(1500));
    Faulty().Resume();
    co_await Insist(member, topic, "c");
    co_await subscriber.AwaitThat([&] { return subscriber.CountOf("c") > 0; });
    co_await member.End();
  });
}

TEST(KafkaFault, AKilledBrokerIsAnErrorAndItsReturnMendsAll) {
  Faulty();
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    const std::string topic = Fresh("killed");
    EXPECT_TRUE(co_await member.Init(To(Fresh("g"))));
    co_await member.Subscribe(topic, subscriber);
    EXPECT_TRUE(co_await member.Publish(topic, "a"));
    co_await subscriber.Await(1);
    co_await async::Yield();  // out of the handler that has told of it
    subscriber.shut = true;
    EXPECT_TRUE(co_await member.Publish(topic, "held"));
    co_await subscriber.Await(2);
    Faulty().Kill();
    const auto start = async::Clock::now();
    const base::Status status = co_await member.Publish(topic, "b", {}, milliseconds(700));
    EXPECT_FALSE(status);
    if (!status) {
      EXPECT_NE(status.error().message.find("efused"), std::string::npos) << status.error().message;
    }
    EXPECT_LT(async::Clock::now() - start, milliseconds(1500));
    const contracts::Call soon = In(milliseconds(500));
    EXPECT_FALSE(co_await member.subscriptions[0]->Backlog(soon));
    Faulty().Start();
    subscriber.Open();
    for (int i = 0; i < 50; ++i) co_await Insist(member, topic, std::to_string(i));
    co_await subscriber.AwaitThat([&] { return subscriber.CountOf("49") > 0; });
    for (int i = 0; i < 50; ++i) EXPECT_GE(subscriber.CountOf(std::to_string(i)), 1U) << i;
    EXPECT_EQ(subscriber.CountOf("held"), 1U);
    co_await member.End();
  });
}

TEST(KafkaFault, TooMuchThatWaitsIsRefused) {
  Faulty();
  Play(+[]() -> async::Task<void> {
    Member member;
    const std::string topic = Fresh("full");
    EXPECT_TRUE(co_await member.Init(To(Fresh("g"))));
    EXPECT_TRUE(co_await member.Publish(topic, "a"));
    Faulty().Kill();
    contracts::BulkPublishRequest request{.topic = topic};
    for (int i = 0; i < 50; ++i) {
      request.entries.push_back({std::to_string(i), std::string(1'000'000, 'x')});
    }
    const contracts::Call call = In(milliseconds(500));
    const auto failures = co_await member.broker.BulkPublish(call, std::move(request));
    EXPECT_EQ(failures.size(), 50U);
    const auto full = std::ranges::count_if(
        failures, [](const auto& one) { return one.error.kind == base::Kind::kExhausted; });
    EXPECT_GT(full, 5);
    Faulty().Start();
    co_await member.End();
  });
}

TEST(KafkaFault, TheEndComesAlsoWithoutABroker) {
  Faulty();
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    const std::string topic = Fresh("end");
    EXPECT_TRUE(co_await member.Init(To(Fresh("g"))));
    co_await member.Subscribe(topic, subscriber);
    EXPECT_TRUE(co_await member.Publish(topic, "a"));
    co_await subscriber.Await(1);
    Faulty().Kill();
    const auto start = async::Clock::now();
    co_await member.End(milliseconds(500));
    EXPECT_LT(async::Clock::now() - start, std::chrono::seconds(8));
    Faulty().Start();
  });
}

}  // namespace
}  // namespace components::pubsub::kafka
