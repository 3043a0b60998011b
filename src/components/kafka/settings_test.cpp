#include "components/kafka/settings.hpp"

#include <gtest/gtest.h>

#include <map>

namespace components::kafka {
namespace {

using Entries = std::vector<config::Properties::Entry>;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

base::Result<std::shared_ptr<const Settings>> Read(Entries more, bool plain = true) {
  Entries entries{{"brokers", "a:9092, b:9092"}};
  if (plain) entries.push_back({"authType", "none"});
  entries.insert(entries.end(), more.begin(), more.end());
  return ReadSettings(config::Properties("bus", entries), true);
}
std::map<std::string, std::string> Map(const Settings::Options& options) {
  return {options.begin(), options.end()};
}

TEST(KafkaSettings, Defaults) {
  const auto read = Read({});
  ASSERT_TRUE(read) << read.error().message;
  const Settings& settings = **read;
  EXPECT_EQ(settings.brokers, "a:9092,b:9092");
  EXPECT_EQ(settings.group, "");
  EXPECT_TRUE(settings.idempotent);
  EXPECT_FALSE(settings.from_oldest);
  EXPECT_TRUE(settings.retry.enabled);
  auto client = Map(settings.client);
  EXPECT_EQ(client["security.protocol"], "plaintext");
  EXPECT_EQ(client["client.id"], "sarama");
  auto producer = Map(settings.producer);
  EXPECT_EQ(producer["acks"], "all");
  EXPECT_EQ(producer["retries"], "5");
  auto consumer = Map(settings.consumer);
  EXPECT_EQ(consumer["session.timeout.ms"], "10000");
  EXPECT_EQ(consumer["heartbeat.interval.ms"], "3000");
  EXPECT_EQ(settings.poll_interval, std::chrono::minutes(5));
  EXPECT_EQ((*Read({{"sessionTimeout", "20m"}}))->poll_interval, std::chrono::minutes(20));
  EXPECT_EQ(consumer["partition.assignment.strategy"], "range");
}

TEST(KafkaSettings, Groups) {
  EXPECT_EQ((*Read({{"consumerID", "app"}}))->group, "app");
  EXPECT_EQ((*Read({{"consumerID", "app"}, {"consumerGroup", "g"}}))->group, "g");
}

TEST(KafkaSettings, NamesAndWordsInAnyCase) {
  const auto read = Read({{"InitialOffset", "OLDEST"},
                          {"producerrequiredacks", "Leader"},
                          {"COMPRESSION", "Zstd"},
                          {"consumerGroupRebalanceStrategy", "Sticky"}});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE((*read)->from_oldest);
  EXPECT_FALSE((*read)->idempotent);
  auto producer = Map((*read)->producer);
  EXPECT_EQ(producer["acks"], "1");
  // What may be a double is never sent again.
  EXPECT_EQ(producer["retries"], "0");
  EXPECT_EQ(producer["compression.codec"], "zstd");
  EXPECT_EQ(Map((*read)->consumer)["partition.assignment.strategy"], "cooperative-sticky");
}

TEST(KafkaSettings, Passwords) {
  const Entries login{{"authType", "Password"}, {"saslUsername", "u"}, {"saslPassword", "p"}};
  const auto with = [&login](Entries more) {
    more.insert(more.end(), login.begin(), login.end());
    return Map((*Read(std::move(more), false))->client);
  };
  auto client = with({});
  EXPECT_EQ(client["security.protocol"], "sasl_ssl");
  EXPECT_EQ(client["sasl.mechanisms"], "PLAIN");
  EXPECT_EQ(client["sasl.password"], "p");
  EXPECT_EQ(client["ssl.endpoint.identification.algorithm"], "https");
  client = with({{"disableTls", "true"}, {"saslMechanism", "SHA-512"}});
  EXPECT_EQ(client["security.protocol"], "sasl_plaintext");
  EXPECT_EQ(client["sasl.mechanisms"], "SCRAM-SHA-512");
  client = with({{"skipVerify", "true"}, {"saslMechanism", "sha-256"}});
  EXPECT_EQ(client["sasl.mechanisms"], "SCRAM-SHA-256");
  EXPECT_EQ(client["enable.ssl.certificate.verification"], "false");
  EXPECT_EQ(client["ssl.endpoint.identification.algorithm"], "none");
}

TEST(KafkaSettings, Certificates) {
  const auto read = Read({{"authType", "certificate"},
                          {"caCert", "-----BEGIN CERTIFICATE-----\nca"},
                          {"clientCert", "-----BEGIN CERTIFICATE-----\nc"},
                          {"clientKey", "-----BEGIN PRIVATE KEY-----\nk"}},
                         false);
  ASSERT_TRUE(read) << read.error().message;
  auto client = Map((*read)->client);
  EXPECT_EQ(client["security.protocol"], "ssl");
  EXPECT_EQ(client["ssl.ca.pem"], "-----BEGIN CERTIFICATE-----\nca");
  EXPECT_EQ(client["ssl.certificate.pem"], "-----BEGIN CERTIFICATE-----\nc");
  EXPECT_EQ(client["ssl.key.pem"], "-----BEGIN PRIVATE KEY-----\nk");
}

TEST(KafkaSettings, AuthRequiredIsTheOldAuthType) {
  EXPECT_TRUE(Read({{"authRequired", "false"}}, false));
  const auto required = Read({{"authRequired", "true"}}, false);
  ASSERT_FALSE(required);
  EXPECT_EQ(required.error().kind, base::Kind::kUnimplemented);
}

TEST(KafkaSettings, Refusals) {
  struct Case {
    Entries entries;
    const char* named;
    bool plain = true;
  };
  for (const Case& c : {
           Case{{}, "authType", false},
           {{{"authType", "kerberos"}}, "authType", false},
           {{{"authType", "oidc"}}, "oidc is not in this version", false},
           {{{"authType", "awsiam"}}, "awsiam is not in this version", false},
           {{{"authType", "password"}, {"saslPassword", "secret"}}, "saslUsername", false},
           {{{"authType", "password"}, {"saslUsername", "u"}}, "saslPassword", false},
           {{{"authType", "mtls"}}, "clientCert", false},
           {{{"authType", "mtls"}, {"disableTls", "true"}}, "disableTls", false},
           {{{"authType", "password"},
             {"saslUsername", "u"},
             {"saslPassword", "secret"},
             {"saslMechanism", "GSSAPI"}},
            "saslMechanism",
            false},
           {{{"brokers", " , "}}, "brokers"},
           {{{"version", "two"}}, "version"},
           {{{"compression", "brotli"}}, "compression"},
           {{{"producerRequiredAcks", "some"}}, "producerRequiredAcks"},
           {{{"initialOffset", "middle"}}, "initialOffset"},
           {{{"consumerGroupRebalanceStrategy", "random"}}, "consumerGroupRebalanceStrategy"},
           {{{"heartbeatInterval", "10s"}}, "heartbeatInterval"},
           {{{"sessionTimeout", "soon"}}, "sessionTimeout"},
           {{{"maxMessageBytes", "10"}}, "maxMessageBytes"},
           {{{"backOffPolicy", "random"}}, "backOffPolicy"},
           {{{"backOffMultiplier", "0.5"}}, "backOffMultiplier"},
           {{{"excludeHeaderMetaRegex", "("}}, "excludeHeaderMetaRegex"},
       }) {
    const auto read = Read(c.entries, c.plain);
    ASSERT_FALSE(read) << c.named;
    EXPECT_NE(read.error().message.find(c.named), std::string::npos) << read.error().message;
    EXPECT_EQ(read.error().message.find("secret"), std::string::npos) << read.error().message;
  }
}

TEST(KafkaRetry, ConstantByDefault) {
  const Retry retry = (*Read({}))->retry;
  for (const int failures : {1, 2, 1000}) {
    EXPECT_EQ(retry.WaitAfter(failures, std::chrono::hours(100)), seconds(5));
  }
}

TEST(KafkaRetry, Ends) {
  EXPECT_FALSE((*Read({{"consumeRetryEnabled", "false"}}))->retry.WaitAfter(1, seconds(0)));
  const Retry retry = (*Read({{"backOffMaxRetries", "2"}, {"backOffDuration", "10ms"}}))->retry;
  EXPECT_EQ(retry.WaitAfter(2, seconds(0)), milliseconds(10));
  EXPECT_FALSE(retry.WaitAfter(3, seconds(0)));
}

TEST(KafkaRetry, GrowsToItsLimit) {
  const Retry retry = (*Read({{"backOffPolicy", "exponential"},
                              {"backOffInitialInterval", "100ms"},
                              {"backOffMultiplier", "2"},
                              {"backOffMaxInterval", "1s"},
                              {"backOffRandomizationFactor", "0"},
                              {"backOffMaxElapsedTime", "1m"}}))
                          ->retry;
  EXPECT_EQ(retry.WaitAfter(1, seconds(0)), milliseconds(100));
  EXPECT_EQ(retry.WaitAfter(3, seconds(0)), milliseconds(400));
  EXPECT_EQ(retry.WaitAfter(500, seconds(59)), seconds(1));
  EXPECT_FALSE(retry.WaitAfter(5, seconds(61)));
}

TEST(KafkaHeaders, ExcludeAndEscape) {
  const auto rules = HeaderRules::Make(true, "^x-");
  ASSERT_TRUE(rules);
  EXPECT_TRUE((*rules)->Excluded("x-secret"));
  EXPECT_FALSE((*rules)->Excluded("max-x-"));
  contracts::Metadata metadata;
  (*rules)->Add(metadata, "name", "a b/ü");
  EXPECT_EQ(*metadata.Find("name"), "a+b%2F%C3%BC");
}

TEST(KafkaHeaders, KeysAndPartitions) {
  EXPECT_EQ(KeyOf({{"a", "b"}}), nullptr);
  const contracts::Metadata both{{"__key", "k"}, {"partitionKey", "p"}};
  EXPECT_EQ(*KeyOf(both), "p");
  const contracts::Metadata key{{"__key", "k"}};
  EXPECT_EQ(*KeyOf(key), "k");
  EXPECT_EQ(*PartitionOf({}), -1);
  EXPECT_EQ(*PartitionOf({{"partitionNumber", "3"}}), 3);
  for (const char* bad : {"-1", "x", "", "99999999999"}) {
    EXPECT_FALSE(PartitionOf({{"partitionNumber", bad}})) << bad;
  }
}

}  // namespace
}  // namespace components::kafka
