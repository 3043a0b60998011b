// What is declared at the broker and how messages are sent: read back with the broker's own tools.
#include <gtest/gtest.h>

#include "components/pubsub/rabbitmq/test_pubsub.hpp"

namespace components::pubsub::rabbitmq {
namespace {

using testing::Handler;
using testing::SharedBroker;
using testing::TestPubSub;
using testing::Verdict;
using testing::WaitFor;
using Entries = TestPubSub::Entries;

constexpr const char* kQueueColumns = "durable auto_delete arguments";
constexpr const char* kExchangeColumns = "type durable auto_delete";

base::Result<Settings> Read(Entries entries) {
  entries.push_back({"connectionString", "amqp://h"});
  return ReadSettings(config::Properties("mq", std::move(entries)));
}

std::string Arguments(const std::string& line) {
  return line.substr(line.rfind('\t') + 1);
}
bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Layout, Defaults) {
  Handler handler;
  TestPubSub pubsub({});
  ASSERT_EQ(pubsub.Subscribe(handler, "plain"), "ok");
  EXPECT_EQ(SharedBroker().Line("exchanges", "plain", kExchangeColumns),
            "plain\tfanout\ttrue\ttrue");
  const std::string queue = SharedBroker().Line("queues", "g-plain", kQueueColumns);
  EXPECT_TRUE(queue.starts_with("g-plain\ttrue\ttrue\t")) << queue;
  EXPECT_EQ(Arguments(queue), "[{\"x-queue-type\",\"classic\"}]");
  EXPECT_TRUE(Has(SharedBroker().Ctl("list_consumers queue_name consumer_tag ack_required "
                                     "prefetch_count"),
                  "g-plain\tg-plain-"));
  pubsub.End();
  EXPECT_EQ(SharedBroker().Line("queues", "g-plain", ""), "");
}

TEST(Layout, Lasting) {
  Handler handler;
  TestPubSub pubsub({{"durable", "false"},
                     {"deletedWhenUnused", "false"},
                     {"exchangeKind", "topic"},
                     {"maxLen", "7"},
                     {"maxLenBytes", "7000"},
                     {"prefetchCount", "3"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "lasting",
                             {{"queueName", "mine"},
                              {"routingKey", "a.*,b"},
                              {"maxPriority", "1000"},
                              {"singleActiveConsumer", "true"}}),
            "ok");
  EXPECT_EQ(SharedBroker().Line("exchanges", "lasting", kExchangeColumns),
            "lasting\ttopic\tfalse\tfalse");
  const std::string queue = SharedBroker().Line("queues", "mine", kQueueColumns);
  EXPECT_TRUE(queue.starts_with("mine\tfalse\tfalse\t")) << queue;
  for (const char* part :
       {"{\"x-queue-type\",\"classic\"}", "{\"x-max-priority\",255}", "{\"x-max-length\",7}",
        "{\"x-max-length-bytes\",7000}", "{\"x-single-active-consumer\",true}"}) {
    EXPECT_TRUE(Has(queue, part)) << part << " in " << queue;
  }
  const std::string bindings = SharedBroker().Ctl("list_bindings source_name routing_key");
  EXPECT_TRUE(Has(bindings, "lasting\ta.*"));
  EXPECT_TRUE(Has(bindings, "lasting\tb"));
  EXPECT_TRUE(Has(SharedBroker().Ctl("list_consumers queue_name prefetch_count"), "mine\t3"));
  EXPECT_EQ(pubsub.Publish("lasting", "no", {{"routingKey", "c"}}), "ok");
  EXPECT_EQ(pubsub.Publish("lasting", "yes", {{"routingKey", "a.x"}}), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
  EXPECT_EQ(handler.data(), std::vector<std::string>{"yes"});
}

TEST(Layout, WhatIsHereAtOnce) {
  const auto prefetch = [](Entries entries, std::optional<int> batch) {
    contracts::SubscribeRequest request{.topic = "t"};
    if (batch) request.bulk = contracts::BulkSubscribeOptions{.max_messages = *batch};
    entries.push_back({"consumerID", "g"});
    return ConsumerOf(*Read(std::move(entries)), request)->prefetch;
  };
  EXPECT_EQ(prefetch({}, std::nullopt), 64);
  // A batch must fit, or each would wait for messages that cannot come.
  EXPECT_EQ(prefetch({}, 0), 200);
  EXPECT_EQ(prefetch({}, 1), 64);
  EXPECT_EQ(prefetch({}, 40), 80);
  EXPECT_EQ(prefetch({}, 200), 255);
  EXPECT_EQ(prefetch({}, 255), 255);
  EXPECT_EQ(prefetch({}, INT32_MAX), 256);
  EXPECT_EQ(prefetch({{"prefetchCount", "7"}}, 0), 7);
}

TEST(Layout, LimitsOfASubscription) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}, {"maxLen", "7"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "limited", {{"maxLen", "2"}, {"maxLenBytes", "100"}}), "ok");
  const std::string queue = SharedBroker().Line("queues", "g-limited", kQueueColumns);
  EXPECT_TRUE(Has(queue, "{\"x-max-length\",2}")) << queue;
  EXPECT_TRUE(Has(queue, "{\"x-max-length-bytes\",100}")) << queue;
}

TEST(Layout, DeadLetters) {
  Handler handler;
  Handler dead;
  TestPubSub pubsub(
      {{"deletedWhenUnused", "false"}, {"enableDeadLetter", "true"}, {"maxLen", "9"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "sad"), "ok");
  EXPECT_EQ(SharedBroker().Line("exchanges", "dlx-g-sad", kExchangeColumns),
            "dlx-g-sad\tfanout\ttrue\tfalse");
  const std::string queue = SharedBroker().Line("queues", "dlq-g-sad", kQueueColumns);
  EXPECT_TRUE(queue.starts_with("dlq-g-sad\ttrue\tfalse\t")) << queue;
  EXPECT_TRUE(Has(queue, "{\"x-queue-mode\",\"lazy\"}")) << queue;
  EXPECT_TRUE(Has(queue, "{\"x-max-length\",9}")) << queue;
  EXPECT_FALSE(Has(queue, "x-queue-type")) << queue;
  EXPECT_TRUE(Has(SharedBroker().Line("queues", "g-sad", kQueueColumns),
                  "{\"x-dead-letter-exchange\",\"dlx-g-sad\"}"));
  handler.verdict = Verdict::kFailed;
  EXPECT_EQ(pubsub.Publish("sad", "x"), "ok");
  EXPECT_TRUE(WaitFor(
      [&] { return SharedBroker().Line("queues", "dlq-g-sad", "messages") == "dlq-g-sad\t1"; }));
  EXPECT_EQ(handler.count, 1);
}

TEST(Layout, QuorumQueues) {
  Handler handler;
  TestPubSub plain({{"enableDeadLetter", "true"}});
  ASSERT_EQ(plain.Subscribe(handler, "quorum", {{"queueType", "quorum"}}), "ok");
  const std::string queue = SharedBroker().Line("queues", "g-quorum", kQueueColumns);
  EXPECT_TRUE(queue.starts_with("g-quorum\ttrue\tfalse\t")) << queue;
  EXPECT_TRUE(Has(queue, "{\"x-queue-type\",\"quorum\"}")) << queue;
  for (Entries entries : {Entries{{"deletedWhenUnused", "true"}},
                          Entries{{"durable", "false"}, {"deletedWhenUnused", "false"}}}) {
    const auto options = ConsumerOf(*Read(std::move(entries)),
                                    {.topic = "t", .metadata = {{"queueType", "quorum"}}});
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().kind, base::Kind::kInvalidArgument);
    EXPECT_TRUE(Has(options.error().message, "queueType"));
  }
}

TEST(Layout, PropertiesOfMessages) {
  Handler handler;
  TestPubSub pubsub({{"publishMessagePropertiesToMetadata", "true"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "props"), "ok");
  EXPECT_EQ(pubsub.Publish("props", "x"), "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
  EXPECT_EQ(handler.last().metadata, (contracts::Metadata{{"metadata.contenttype", "text/plain"}}));
  EXPECT_EQ(pubsub.Publish("props", "x",
                           {{"messageID", "m1"},
                            {"correlationid", "c1"},
                            {"type", "t1"},
                            {"contentType", "a/b"},
                            {"other", "not carried"}}),
            "ok");
  EXPECT_TRUE(WaitFor([&] { return handler.count == 2; }));
  EXPECT_EQ(handler.last().metadata, (contracts::Metadata{{"metadata.messageid", "m1"},
                                                          {"metadata.correlationid", "c1"},
                                                          {"metadata.type", "t1"},
                                                          {"metadata.contenttype", "a/b"}}));
}

TEST(Layout, MessagesInDetail) {
  const auto message = [](Entries entries, contracts::Metadata metadata) {
    return MessageOf(*Read(std::move(entries)), {.topic = "t", .metadata = std::move(metadata)});
  };
  auto plain = message({}, {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->exchange.name, "t");
  EXPECT_EQ(plain->routing_key, "");
  EXPECT_EQ(plain->properties.content_type, "text/plain");
  EXPECT_EQ(plain->properties.delivery_mode, 2);
  EXPECT_EQ(plain->properties.expiration, "");
  EXPECT_FALSE(plain->properties.priority);
  EXPECT_EQ(message({{"durable", "false"}}, {})->properties.delivery_mode, 0);
  EXPECT_EQ(message({{"deliveryMode", "1"}}, {})->properties.delivery_mode, 1);
  EXPECT_EQ(message({{"ttlInSeconds", "3"}}, {})->properties.expiration, "3000");
  EXPECT_EQ(message({{"ttlInSeconds", "3"}}, {{"ttlInSeconds", "2"}})->properties.expiration,
            "2000");
  EXPECT_EQ(message({}, {{"priority", "7"}})->properties.priority, 7);
  EXPECT_EQ(message({}, {{"priority", "999"}})->properties.priority, 255);
  EXPECT_EQ(message({}, {{"routingkey", "k"}})->routing_key, "k");
  for (const char* name : {"ttlInSeconds", "priority"}) {
    const auto wrong = message({}, {{name, "-1"}});
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(Has(wrong.error().message, name));
  }
}

TEST(Layout, Expiry) {
  Handler handler;
  TestPubSub pubsub({{"deletedWhenUnused", "false"}});
  ASSERT_EQ(pubsub.Subscribe(handler, "expiry"), "ok");
  pubsub.Pause();
  EXPECT_TRUE(WaitFor(
      [&] { return SharedBroker().Line("queues", "g-expiry", "consumers") == "g-expiry\t0"; }));
  EXPECT_EQ(pubsub.Publish("expiry", "short", {{"ttlInSeconds", "1"}}), "ok");
  EXPECT_EQ(pubsub.Publish("expiry", "long"), "ok");
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 2; }));
  EXPECT_TRUE(WaitFor([&] { return pubsub.Backlog() == 1; }));
  pubsub.Resume();
  EXPECT_TRUE(WaitFor([&] { return handler.count == 1; }));
  EXPECT_EQ(handler.data(), std::vector<std::string>{"long"});
}

TEST(Layout, SettingsThatAreWrong) {
  for (const auto& [name, value, secret] : Entries{{"exchangeKind", "ring"},
                                                   {"concurrency", "many"},
                                                   {"prefetchCount", "-1"},
                                                   {"deliveryMode", "3"},
                                                   {"heartBeat", "x"},
                                                   {"maxLen", "-1"},
                                                   {"maxHoldTime", "1ms"},
                                                   {"ttlInSeconds", "-1"}}) {
    const auto settings = Read({{name, value}});
    ASSERT_FALSE(settings) << name;
    EXPECT_TRUE(Has(settings.error().message, name)) << settings.error().message;
  }
  const auto options = ConsumerOf(*Read({}), {.topic = "t"});
  ASSERT_FALSE(options);
  EXPECT_TRUE(Has(options.error().message, "consumerID"));
}

// An exchange of the same name and another kind is somebody else's.
TEST(Layout, WhatTheBrokerRefuses) {
  Handler handler;
  Handler second;
  TestPubSub fanout({});
  ASSERT_EQ(fanout.Subscribe(handler, "taken"), "ok");
  ASSERT_EQ(fanout.Subscribe(second, "free"), "ok");
  TestPubSub topic({{"exchangeKind", "topic"}});
  const std::string refused = topic.Subscribe(second, "taken");
  EXPECT_TRUE(refused.starts_with("precondition failed: rabbitmq at ") ||
              refused.starts_with("precondition_failed: rabbitmq at "))
      << refused;
  EXPECT_TRUE(Has(refused, "inequivalent arg 'type'")) << refused;
  EXPECT_TRUE(Has(topic.Publish("taken", "x"), "inequivalent arg 'type'"));
  EXPECT_EQ(topic.Publish("other", "x"), "ok");
}

}  // namespace
}  // namespace components::pubsub::rabbitmq
