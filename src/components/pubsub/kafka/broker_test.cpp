// Publishing, signing in, and what the brokers refuse.
#include "components/pubsub/kafka/broker.hpp"

#include <gtest/gtest.h>

#include "components/pubsub/kafka/descriptor.hpp"
#include "components/pubsub/kafka/test_subscriber.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::pubsub::kafka {
namespace {

using components::kafka::SharedBroker;
using components::kafka::TestBroker;

TEST(KafkaPubSub, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

// The partition that Dapr's own client computes.
int PartitionOfKey(std::string_view key, int partitions) {
  uint32_t hash = 0x811C9DC5;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  const auto folded = static_cast<int32_t>(hash);
  const int32_t partition = folded % partitions;
  return partition < 0 ? -partition : partition;
}

TEST(KafkaPubSub, KeysPartitionsAndHeaders) {
  SharedBroker().CreateTopic("keys", 5);
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    EXPECT_TRUE(co_await member.Init(Plain(Fresh("g"))));
    co_await member.Subscribe("keys", subscriber);
    for (const std::string key : {"one", "two", "three", "four"}) {
      EXPECT_TRUE(
          co_await member.Publish("keys", key, {{"partitionKey", key}, {"colour", "blue"}}));
    }
    EXPECT_TRUE(co_await member.Publish("keys", "x", {{"__key", "one"}, {"partitionNumber", "4"}}));
    co_await subscriber.Await(5);
    for (const Message& message : subscriber.got) {
      const auto& metadata = message.metadata;
      EXPECT_EQ(*metadata.Find("__topic"), "keys");
      EXPECT_TRUE(metadata.Find("__offset") && metadata.Find("__timestamp"));
      const std::string partition = *metadata.Find("__partition");
      if (message.data == "x") {
        EXPECT_EQ(partition, "4");
        EXPECT_EQ(*metadata.Find("__key"), "one");
        continue;
      }
      EXPECT_EQ(*metadata.Find("__key"), message.data);
      EXPECT_EQ(*metadata.Find("colour"), "blue");
      EXPECT_EQ(*metadata.Find("partitionKey"), message.data);
      EXPECT_EQ(partition, std::to_string(PartitionOfKey(message.data, 5))) << message.data;
    }
    co_await member.End();
  });
}

TEST(KafkaPubSub, HeadersAreEscapedAndLeftOut) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    EXPECT_TRUE(co_await member.Init(
        Plain(Fresh("g"), {{"escapeHeaders", "true"}, {"excludeHeaderMetaRegex", "^x-"}})));
    const std::string topic = Fresh("headers");
    co_await member.Subscribe(topic, subscriber);
    EXPECT_TRUE(co_await member.Publish(topic, "m", {{"x-secret", "1"}, {"text", "a b/c"}}));
    co_await subscriber.Await(1);
    EXPECT_EQ(subscriber.got[0].metadata.Find("x-secret"), nullptr);
    EXPECT_EQ(*subscriber.got[0].metadata.Find("text"), "a+b%2Fc");
    co_await member.End();
  });
}

TEST(KafkaPubSub, Refusals) {
  Play(+[]() -> async::Task<void> {
    Member member;
    EXPECT_TRUE(co_await member.Init(Plain(Fresh("g"), {{"maxMessageBytes", "2000"}})));
    const std::string topic = Fresh("refused");
    struct Case {
      std::string data;
      contracts::Metadata metadata;
      base::Kind kind;
      const char* named;
    };
    for (const Case& c :
         {Case{
              "m", {{"partitionNumber", "first"}}, base::Kind::kInvalidArgument, "partitionNumber"},
          Case{"m", {{"partitionNumber", "99"}}, base::Kind::kNotFound, "partition"},
          Case{std::string(5000, 'x'), {}, base::Kind::kTooLarge, "large"},
          Case{"m", {{"valueSchemaType", "Avro"}}, base::Kind::kInvalidArgument, "schemas"}}) {
      const base::Status status = co_await member.Publish(topic, c.data, c.metadata);
      EXPECT_FALSE(status) << c.named;
      if (status) continue;
      EXPECT_EQ(status.error().kind, c.kind) << status.error().message;
      EXPECT_NE(status.error().message.find(c.named), std::string::npos) << status.error().message;
    }
    Subscriber subscriber;
    const contracts::Call call = In(milliseconds(10'000));
    contracts::SubscribeRequest bad{.topic = "no good name!"};
    const auto refused = co_await member.broker.Subscribe(call, std::move(bad), subscriber);
    EXPECT_FALSE(refused);
    if (!refused) {
      EXPECT_EQ(refused.error().kind, base::Kind::kInvalidArgument) << refused.error().message;
    }
    co_await member.End();
  });
}

TEST(KafkaPubSub, BulkPublishTellsWhichFailed) {
  Play(+[]() -> async::Task<void> {
    Member member;
    Subscriber subscriber;
    EXPECT_TRUE(co_await member.Init(
        Plain(Fresh("g"), {{"maxMessageBytes", "2000"}, {"compression", "zstd"}})));
    const std::string topic = Fresh("bulk");
    co_await member.Subscribe(topic, subscriber);
    contracts::BulkPublishRequest request{.topic = topic};
    for (int i = 0; i < 500; ++i) {
      request.entries.push_back({.entry_id = std::to_string(i), .data = std::to_string(i)});
    }
    request.entries[7].data = std::string(5000, 'x');
    request.entries[9].metadata.Set("partitionNumber", "none");
    const contracts::Call call = In(milliseconds(20'000));
    const auto failures = co_await member.broker.BulkPublish(call, std::move(request));
    EXPECT_EQ(failures.size(), 2U);
    if (failures.size() == 2) {
      EXPECT_EQ(failures[0].entry_id, "7");
      EXPECT_EQ(failures[1].entry_id, "9");
    }
    co_await subscriber.Await(498);
    EXPECT_EQ(subscriber.got.size(), 498U);
    EXPECT_EQ(subscriber.got.front().data, "0");
    EXPECT_EQ(subscriber.got.back().data, "499");
    co_await member.End();
  });
}

// Publishing from another loop than the component's home.
TEST(KafkaPubSub, PublishesFromEveryLoop) {
  async::LoopGroup loops(2);
  Member member;
  const std::string topic = Fresh("loops");
  loops.RunTaskOn(0, [&]() -> async::Task<void> {
    return [](Member& member) -> async::Task<void> {
      EXPECT_TRUE(co_await member.Init(Plain(Fresh("g"))));
    }(member);
  });
  for (const int loop : {0, 1}) {
    loops.RunTaskOn(loop, [&]() -> async::Task<void> {
      return [](Member& member, std::string topic) -> async::Task<void> {
        for (int i = 0; i < 20; ++i) {
          const base::Status status = co_await member.Publish(topic, "m");
          EXPECT_TRUE(status) << status.error().message;
        }
      }(member, topic);
    });
  }
  loops.RunTaskOn(0, [&]() -> async::Task<void> {
    return [](Member& member) -> async::Task<void> { co_await member.End(); }(member);
  });
}

async::Task<void> ExpectItWorks(Entries entries) {
  Member member;
  Subscriber subscriber;
  const base::Status ready = co_await member.Init(std::move(entries));
  EXPECT_TRUE(ready) << ready.error().message;
  if (!ready) co_return;
  const std::string topic = Fresh("signed");
  co_await member.Subscribe(topic, subscriber);
  const base::Status status = co_await member.Publish(topic, "m");
  EXPECT_TRUE(status) << status.error().message;
  co_await subscriber.Await(1);
  co_await member.End();
}
async::Task<void> ExpectRefused(Entries entries, base::Kind kind, std::string named) {
  Member member;
  const auto start = async::Clock::now();
  const base::Status ready = co_await member.Init(std::move(entries), milliseconds(8000));
  EXPECT_FALSE(ready) << named;
  if (ready) {
    co_await member.End();
    co_return;
  }
  EXPECT_EQ(ready.error().kind, kind) << ready.error().message;
  EXPECT_NE(ready.error().message.find(named), std::string::npos) << ready.error().message;
  EXPECT_EQ(ready.error().message.find(TestBroker::kPassword), std::string::npos);
  EXPECT_LT(async::Clock::now() - start, std::chrono::seconds(10));
  co_await member.broker.Close(In(milliseconds(100)));
}

Entries Login(const std::string& listener, const std::string& mechanism, Entries more = {}) {
  Entries entries{{"brokers", SharedBroker().address(listener)},
                  {"authType", "password"},
                  {"consumerID", Fresh("g")},
                  {"saslUsername", TestBroker::kUser},
                  {"saslPassword", TestBroker::kPassword},
                  {"saslMechanism", mechanism}};
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

TEST(KafkaSecurity, Passwords) {
  SharedBroker();
  Play(+[]() -> async::Task<void> {
    for (const char* mechanism : {"PLAINTEXT", "SHA-256", "SHA-512"}) {
      co_await ExpectItWorks(Login("SASL", mechanism, {{"disableTls", "true"}}));
    }
    co_await ExpectItWorks(Login("SASLTLS", "SHA-256", {{"caCert", SharedBroker().ca_pem()}}));
  });
}

TEST(KafkaSecurity, WrongPassword) {
  SharedBroker();
  Play(+[]() -> async::Task<void> {
    for (const char* mechanism : {"PLAINTEXT", "SHA-512"}) {
      co_await ExpectRefused(
          Login("SASL", mechanism, {{"disableTls", "true"}, {"saslPassword", "guess"}}),
          base::Kind::kUnauthenticated, "uthentication");
    }
  });
}

Entries Certificate(const std::string& listener, Entries more) {
  Entries entries{{"brokers", SharedBroker().address(listener)},
                  {"authType", "mtls"},
                  {"consumerID", Fresh("g")},
                  {"clientCert", SharedBroker().client().certificate_chain_pem},
                  {"clientKey", SharedBroker().client().private_key_pem}};
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

TEST(KafkaSecurity, Certificates) {
  SharedBroker();
  Play(+[]() -> async::Task<void> {
    co_await ExpectItWorks(Certificate("MTLS", {{"caCert", SharedBroker().ca_pem()}}));
    co_await ExpectItWorks(Certificate("TLS", {{"skipVerify", "true"}}));
    const net::testing::TestCa stranger;
    co_await ExpectRefused(Certificate("TLS", {{"caCert", stranger.pem()}}),
                           base::Kind::kUnauthenticated, "certificate");
    const net::TlsIdentity unknown = stranger.Issue({.common_name = "client", .alternative = ""});
    co_await ExpectRefused(Certificate("MTLS", {{"caCert", SharedBroker().ca_pem()},
                                                {"clientCert", unknown.certificate_chain_pem},
                                                {"clientKey", unknown.private_key_pem}}),
                           base::Kind::kUnauthenticated, "");
  });
}

TEST(KafkaPubSub, NoBrokerIsAnErrorInTime) {
  Play(+[]() -> async::Task<void> {
    Member member;
    const auto start = async::Clock::now();
    const base::Status ready = co_await member.Init(
        {{"brokers", "127.0.0.1:1"}, {"authType", "none"}, {"consumerID", "g"}},
        milliseconds(1500));
    EXPECT_FALSE(ready);
    if (!ready) {
      EXPECT_EQ(ready.error().kind, base::Kind::kUnreachable) << ready.error().message;
      EXPECT_NE(ready.error().message.find("127.0.0.1:1"), std::string::npos);
      EXPECT_NE(ready.error().message.find("refused"), std::string::npos) << ready.error().message;
    }
    EXPECT_LT(async::Clock::now() - start, milliseconds(3500));
  });
}

}  // namespace
}  // namespace components::pubsub::kafka
