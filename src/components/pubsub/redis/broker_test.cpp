// Settings, the layout of what is published, the layout that is understood.
#include "components/pubsub/redis/addition.hpp"
#include "components/pubsub/redis/descriptor.hpp"
#include "components/pubsub/redis/test_broker.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::pubsub::redis {
namespace {

TEST(RedisBroker, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(RedisBroker, ReadsItsSettings) {
  const auto settings = [](std::vector<config::Properties::Entry> entries) {
    entries.push_back({"consumerID", "app"});
    return *ReadSettings(config::Properties("test", std::move(entries)));
  };
  const Settings standard = settings({});
  EXPECT_EQ(standard.processing_timeout, std::chrono::seconds(60));
  EXPECT_EQ(standard.redeliver_interval, std::chrono::seconds(15));
  EXPECT_EQ(standard.queue_depth, 100U);
  EXPECT_EQ(standard.concurrency, 10U);
  EXPECT_TRUE(standard.takes_over());
  EXPECT_EQ(settings({{"processingTimeout", "250"}}).processing_timeout, milliseconds(250));
  EXPECT_EQ(settings({{"processingTimeout", "2s"}}).processing_timeout, milliseconds(2000));
  EXPECT_EQ(settings({{"redeliverInterval", "1m"}}).redeliver_interval, milliseconds(60'000));
  EXPECT_EQ(settings({{"processingTimeout", "10us"}}).processing_timeout, milliseconds(1));
  EXPECT_FALSE(settings({{"processingTimeout", "0"}}).takes_over());
  EXPECT_FALSE(settings({{"redeliverInterval", "0"}}).takes_over());
  EXPECT_EQ(settings({{"streamTTL", "60"}}).stream_ttl, milliseconds(60'000));
}

TEST(RedisBroker, RefusesBadSettings) {
  for (const auto& [name, value] :
       {std::pair("queueDepth", "0"), std::pair("concurrency", "none"),
        std::pair("processingTimeout", "soon"), std::pair("maxLenApprox", "-1"),
        std::pair("consumerID", ""), std::pair("redisHost", "")}) {
    std::vector<config::Properties::Entry> entries{{"redisHost", "127.0.0.1:1"},
                                                   {"consumerID", "app"}};
    entries.push_back({name, value});
    TestBroker broker(entries);
    ASSERT_FALSE(broker.status()) << name;
    EXPECT_NE(broker.status().error().message.find(name), std::string::npos)
        << broker.status().error().message;
  }
}

TEST(RedisBroker, TellsWhichServerDoesNotAnswer) {
  TestBroker broker(
      {{"redisHost", "127.0.0.1:" + std::to_string(components::redis::testing::FreePort())},
       {"consumerID", "app"}});
  ASSERT_FALSE(broker.status());
  EXPECT_TRUE(broker.status().error().message.starts_with(
      "redis streams: error connecting to redis at 127.0.0.1:"))
      << broker.status().error().message;
}

std::string Words(const Addition& addition) {
  std::string out;
  for (const Arg& arg : addition.args()) out += (out.empty() ? "" : " ") + std::string(arg);
  return out;
}

TEST(RedisBroker, TheCommand) {
  Settings settings;
  contracts::Metadata metadata;
  EXPECT_EQ(Words(Addition(settings, "t", "d", metadata)), "XADD t * data d");
  metadata.Set("b", "<2>");
  metadata.Set("a", "1\"");
  EXPECT_EQ(Words(Addition(settings, "t", "d", metadata)),
            R"(XADD t * data d metadata {"a":"1\"","b":"\u003c2\u003e"})");
  settings.max_length = 7;
  EXPECT_EQ(Words(Addition(settings, "t", "d", {})), "XADD t MAXLEN ~ 7 * data d");
  settings.stream_ttl = milliseconds(1000);
  EXPECT_EQ(Words(Addition(settings, "t", "d", {})), "XADD t MAXLEN ~ 7 * data d");
  settings.max_length = 0;
  const std::string by_age = Words(Addition(settings, "t", "d", {}));
  EXPECT_TRUE(by_age.starts_with("XADD t MINID ~ 1")) << by_age;
  EXPECT_TRUE(by_age.ends_with("-1 * data d")) << by_age;
}

TEST(RedisBroker, PublishedEntriesAreLaidOutAsGoDoes) {
  Server& server = TheServer();
  ASSERT_EQ(server.Do({"FLUSHALL"}), "OK");
  TestBroker broker(server);
  EXPECT_EQ(broker.Publish("t", "hello"), "");
  EXPECT_EQ(broker.Publish("t", "with", {{"k", "v"}}), "");
  EXPECT_EQ(server.Do({"XLEN", "t"}), "2");
  const std::string all = server.Do({"XRANGE", "t", "-", "+"});
  EXPECT_NE(all.find(" data hello "), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with(R"( data with metadata {"k":"v"})")) << all;
  EXPECT_EQ(broker.PublishMany("t", 0, 100), "");
  EXPECT_EQ(server.Do({"XLEN", "t"}), "102");
}

TEST(RedisBroker, ABulkPublishTellsEachFailure) {
  Server& server = TheServer();
  ASSERT_EQ(server.Do({"FLUSHALL"}), "OK");
  ASSERT_EQ(server.Do({"SET", "t", "text"}), "OK");
  TestBroker broker(server);
  const std::string failures = broker.PublishMany("t", 0, 2);
  EXPECT_NE(failures.find("0: redis: WRONGTYPE"), std::string::npos) << failures;
  EXPECT_NE(failures.find("1: redis: WRONGTYPE"), std::string::npos) << failures;
  EXPECT_NE(broker.Publish("t", "x").find("WRONGTYPE"), std::string::npos);
}

TEST(RedisBroker, StreamsAreTrimmed) {
  Server& server = TheServer();
  ASSERT_EQ(server.Do({"FLUSHALL"}), "OK");
  TestBroker by_length(server, {{"maxLenApprox", "100"}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(by_length.PublishMany("t", 0, 100), "");
  const int length = std::stoi(server.Do({"XLEN", "t"}));
  EXPECT_GE(length, 100);
  EXPECT_LE(length, 300);
  // Entries of long ago, as if time had passed.
  Raw raw(server.port());
  for (int i = 1; i <= 500; ++i) raw.Do({"XADD", "u", std::to_string(i) + "-0", "data", "old"});
  TestBroker by_age(server, {{"streamTTL", "1h"}});
  EXPECT_EQ(by_age.Publish("u", "new"), "");
  EXPECT_LE(std::stoi(server.Do({"XLEN", "u"})), 101);
}

TEST(RedisBroker, EntriesOfOthersAreUnderstood) {
  Server& server = TheServer();
  ASSERT_EQ(server.Do({"FLUSHALL"}), "OK");
  Raw raw(server.port());
  raw.Do({"XADD", "t", "*", "data", "plain"});
  raw.Do({"XADD", "t", "*", "metadata", R"({"n":"1","odd":2})", "data", "first"});
  raw.Do({"XADD", "t", "*", "data", "torn", "metadata", "{\"n\""});
  raw.Do({"XADD", "t", "*", "something", "else"});
  raw.Do({"XADD", "t", "*", "data", ""});
  TestBroker broker(server);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_TRUE(broker.keeper().Await(4));
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"plain", "first", "torn", ""}));
  EXPECT_EQ(broker.keeper().message(1).metadata, (contracts::Metadata{{"n", "1"}}));
  EXPECT_TRUE(broker.keeper().message(2).metadata.empty());
  // What nobody can read is not left pending.
  EXPECT_TRUE(WaitFor([&] { return server.Do({"XPENDING", "t", "app"}).starts_with("0 "); }));
  // Group and consumer carry the same name.
  EXPECT_NE(server.Do({"XINFO", "GROUPS", "t"}).find("name app"), std::string::npos);
  EXPECT_NE(server.Do({"XINFO", "CONSUMERS", "t", "app"}).find("name app"), std::string::npos);
}

}  // namespace
}  // namespace components::pubsub::redis
