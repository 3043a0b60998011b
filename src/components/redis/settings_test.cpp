#include "components/redis/settings.hpp"

#include <gtest/gtest.h>

namespace components::redis {
namespace {

using std::chrono::milliseconds;
using Entries = std::vector<config::Properties::Entry>;

base::Result<Settings> Read(Entries entries, SettingsDefaults defaults = {}) {
  return ReadSettings(config::Properties("c", std::move(entries)), defaults);
}
std::string ErrorOf(Entries entries) {
  const auto settings = Read(std::move(entries));
  EXPECT_FALSE(settings);
  return settings ? "" : settings.error().message;
}

TEST(Settings, Defaults) {
  const auto settings = Read({{"redisHost", "db.example"}}, {.min_retry = std::chrono::seconds(2)});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->endpoints, (std::vector<Endpoint>{{"db.example", 6379}}));
  EXPECT_EQ(settings->topology, Topology::kNode);
  EXPECT_EQ(settings->max_retries, 3);
  EXPECT_EQ(settings->min_retry, std::chrono::seconds(2));
  EXPECT_EQ(settings->max_retry, milliseconds(512));
  EXPECT_EQ(settings->dial_timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings->read_timeout, std::chrono::seconds(3));
  EXPECT_FALSE(settings->tls);
}

TEST(Settings, Hosts) {
  const auto one = [](Entries entries) { return Read(std::move(entries))->endpoints.front(); };
  EXPECT_EQ(one({{"REDISHOST", "h:1"}}), (Endpoint{"h", 1}));
  EXPECT_EQ(one({{"redisHost", "h"}, {"redisPort", "7"}}), (Endpoint{"h", 7}));
  EXPECT_EQ(one({{"redisHost", "h:1"}, {"redisPort", "7"}}), (Endpoint{"h", 1}));
  EXPECT_EQ(one({{"redisHost", "[::1]:8"}}), (Endpoint{"::1", 8}));
  EXPECT_EQ(one({{"redisHost", "::1"}}), (Endpoint{"::1", 6379}));
  EXPECT_EQ((Endpoint{"::1", 8}.ToString()), "[::1]:8");
  const auto cluster = Read({{"redisHost", "a:1, b:2,c"}, {"redisType", "Cluster"}});
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->Servers(), "a:1,b:2,c:6379");
  EXPECT_EQ(cluster->topology, Topology::kCluster);
  const auto sentinel =
      Read({{"redisHost", "a:1,b"}, {"failover", "y"}, {"sentinelMasterName", "m"}});
  ASSERT_TRUE(sentinel);
  EXPECT_EQ(sentinel->topology, Topology::kSentinel);
  EXPECT_EQ(sentinel->master_name, "m");
}

TEST(Settings, TimesAndRetries) {
  const auto settings = Read({{"redisHost", "h"},
                              {"redisMaxRetries", "-1"},
                              {"redisMinRetryInterval", "20"},
                              {"redisMaxRetryInterval", "1s"},
                              {"dialTimeout", "-1"},
                              {"readTimeout", "250ms"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->max_retries, 0);
  EXPECT_EQ(settings->min_retry, milliseconds(20));
  EXPECT_EQ(settings->max_retry, std::chrono::seconds(1));
  EXPECT_EQ(settings->dial_timeout, std::chrono::seconds(60));
  EXPECT_EQ(settings->read_timeout, milliseconds(250));
  const auto old = Read({{"redisHost", "h"}, {"maxRetries", "5"}, {"maxRetryBackoff", "20000000"}});
  ASSERT_TRUE(old);
  EXPECT_EQ(old->max_retries, 5);
  EXPECT_EQ(old->max_retry, milliseconds(20));
}

TEST(Settings, WrongOnesNameTheField) {
  EXPECT_NE(ErrorOf({}).find("redisHost"), std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h:x"}}).find("redisHost"), std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "a,b"}}).find("redisHost"), std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"redisPort", "0"}}).find("redisPort"), std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"redisDB", "x"}}).find("redisDB"), std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"redisType", "ring"}}).find("redisType"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"failover", "true"}}).find("sentinelMasterName"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"clientCert", "c"}}).find("clientKey"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"redisHost", "h"}, {"useEntraID", "true"}}).find("useEntraID"),
            std::string::npos);
  const std::string secret = ErrorOf({{"redisHost", "h"}, {"clientKey", "very secret"}});
  EXPECT_EQ(secret.find("very secret"), std::string::npos);
}

}  // namespace
}  // namespace components::redis
