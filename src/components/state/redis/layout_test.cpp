// The layout is a contract: people move a database between this runtime and Dapr's. What the store
// writes is read here with plain commands, and the other way round.
#include <gtest/gtest.h>

#include "components/state/redis/test_store.hpp"

namespace components::state::redis {
namespace {

using contracts::Concurrency;
using contracts::SetRequest;

TEST(Layout, AValueIsAHash) {
  const Server& server = SharedServer();
  TestStore store(server);
  const std::string bytes("\0\xff{ \"a\" : 1 }", 14);
  ASSERT_TRUE(store.Set({.key = "app||bytes", .value = bytes}));
  EXPECT_EQ(server.Do({"TYPE", "app||bytes"}), "hash");
  EXPECT_EQ(server.Do({"HLEN", "app||bytes"}), "2");
  EXPECT_EQ(server.Do({"HGET", "app||bytes", "data"}), bytes);
  EXPECT_EQ(server.Do({"HGET", "app||bytes", "version"}), "1");
  ASSERT_TRUE(store.Set({.key = "app||bytes", .value = "2"}));
  EXPECT_EQ(server.Do({"HGETALL", "app||bytes"}), "data 2 version 2");
  EXPECT_EQ(server.Do({"TTL", "app||bytes"}), "-1");
  ASSERT_TRUE(store.Delete({.key = "app||bytes"}));
  EXPECT_EQ(server.Do({"DBSIZE"}), "0");
}

TEST(Layout, FirstWriteLeavesItsMark) {
  const Server& server = SharedServer();
  TestStore store(server);
  ASSERT_TRUE(
      store.Set({.key = "k", .value = "1", .options = {.concurrency = Concurrency::kFirstWrite}}));
  EXPECT_EQ(server.Do({"HGET", "k", "first-write"}), "0");
  EXPECT_EQ(server.Do({"HGET", "k", "version"}), "1");
  EXPECT_EQ(ErrorText(store.Set({.key = "k", .value = "2"})).substr(0, 32),
            "internal: failed to set key k: i");
  ASSERT_TRUE(store.Set({.key = "k", .value = "3", .etag = "1"}));
  EXPECT_EQ(server.Do({"HGET", "k", "first-write"}), "0");
  EXPECT_EQ(server.Do({"HGET", "k", "version"}), "2");
}

TEST(Layout, TimeToLiveIsTheServers) {
  const Server& server = SharedServer();
  TestStore store({{"redisHost", server.address()}, {"ttlInSeconds", "500"}});
  ASSERT_TRUE(store.status());
  const auto set = [&store](std::string ttl) {
    SetRequest request{.key = "k", .value = "1"};
    if (!ttl.empty()) request.metadata.Set("ttlInSeconds", ttl);
    ASSERT_TRUE(store.Set(std::move(request)));
  };
  set("");
  EXPECT_EQ(server.Do({"TTL", "k"}), "500");
  set("100");
  EXPECT_EQ(server.Do({"TTL", "k"}), "100");
  set("-1");
  EXPECT_EQ(server.Do({"TTL", "k"}), "-1");
  set("100");
  set("0");
  EXPECT_EQ(server.Do({"TTL", "k"}), "-1");
  // Without one and without a default, what was there stays.
  TestStore plain(server);
  ASSERT_TRUE(plain.Set({.key = "k2", .value = "1", .metadata = {{"ttlInSeconds", "100"}}}));
  ASSERT_TRUE(plain.Set({.key = "k2", .value = "2"}));
  EXPECT_EQ(server.Do({"TTL", "k2"}), "100");
}

TEST(Layout, DecodedValuesAreWrittenAsGoDoes) {
  const Server& server = SharedServer();
  TestStore store(server);
  ASSERT_TRUE(
      store.Set({.key = "k", .value = R"({"a":1.12345678,"b":"\u003ci\u003e"})", .json = true}));
  EXPECT_EQ(server.Do({"HGET", "k", "data"}), R"({"a":1.123457,"b":"<i>"})");
}

TEST(Layout, ValuesOfOthersAreRead) {
  const Server& server = SharedServer();
  server.Do({"HSET", "hash", "version", "7", "data", "x y"});
  server.Do({"HSET", "no-version", "data", "x"});
  server.Do({"HSET", "foreign", "field", "x"});
  server.Do({"HSET", "empty", "data", "", "version", "3"});
  server.Do({"SET", "text", "old form"});
  server.Do({"RPUSH", "list", "a"});
  TestStore store(server);
  EXPECT_EQ(store.Get("hash")->data, "x y");
  EXPECT_EQ(store.Get("hash")->etag, "7");
  EXPECT_EQ(store.Get("no-version")->data, "x");
  EXPECT_FALSE(store.Get("empty")->found);
  EXPECT_EQ(store.Get("text")->data, "old form");
  EXPECT_FALSE(store.Get("text")->etag.has_value());
  EXPECT_TRUE(ErrorText(store.Get("foreign")).starts_with("invalid argument: the key \"foreign\""));
  EXPECT_TRUE(ErrorText(store.Get("list")).starts_with("invalid argument: redis: WRONGTYPE"));
  // Writes take the place of what is there.
  for (const char* key : {"text", "list", "no-version", "foreign"}) {
    EXPECT_EQ(ErrorText(store.Set({.key = key, .value = "new"})), "") << key;
    EXPECT_EQ(store.Get(key)->data, "new");
    EXPECT_EQ(store.Get(key)->etag, "1");
  }
  EXPECT_EQ(server.Do({"TYPE", "list"}), "hash");
  EXPECT_EQ(ErrorText(store.Set({.key = "hash", .value = "new", .etag = "7"})), "");
  EXPECT_EQ(server.Do({"HGETALL", "hash"}), "version 8 data new");
  server.Do({"RPUSH", "list2", "a"});
  EXPECT_EQ(ErrorText(store.Delete({.key = "list2", .etag = "5"})), "");
  EXPECT_EQ(server.Do({"EXISTS", "list2"}), "0");
}

// Only the fields of a value are asked for: a hash of millions would hold up all that share the
// connection, and break it.
TEST(Layout, AHugeHashOfOthersHoldsUpNobody) {
  const Server& server = SharedServer();
  server.Do({"EVAL",
             "for i = 1, 600 do local f = {} for j = 1, 2000 do f[j] = i * 2000 + j end "
             "redis.call('HSET', 'huge', unpack(f)) end",
             "0"});
  ASSERT_EQ(server.Do({"HLEN", "huge"}), "600000");
  server.Do({"HSET", "app||half", "version", "1"});
  TestStore store(server);
  EXPECT_TRUE(ErrorText(store.Get("huge")).starts_with("invalid argument: the key \"huge\""));
  EXPECT_TRUE(ErrorText(store.Get("app||half")).starts_with("invalid argument: the key"));
  EXPECT_FALSE(store.Get("app||none")->found);
  EXPECT_FALSE(store.Get("none")->found);
  server.Do({"HSET", "huge", "data", "x"});
  EXPECT_EQ(store.Get("huge")->data, "x");
  server.Do({"DEL", "huge"});
}

TEST(Layout, AUserWithTheCommandsOfTheGoStoreOnlyReadsToo) {
  const Server& server = SharedServer();
  server.Do({"HSET", "hash", "version", "7", "data", "x"});
  server.Do({"HSET", "foreign", "field", "x"});
  server.Do({"SET", "text", "old form"});
  server.Do({"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-hmget", "-hlen"});
  {
    TestStore store(
        {{"redisHost", server.address()}, {"redisUsername", "app"}, {"redisPassword", "pw"}});
    ASSERT_EQ(ErrorText(store.status()), "");
    EXPECT_EQ(store.Get("hash")->data, "x");
    EXPECT_EQ(store.Get("hash")->etag, "7");
    EXPECT_EQ(store.Get("text")->data, "old form");
    EXPECT_FALSE(store.Get("none")->found);
    EXPECT_TRUE(ErrorText(store.Get("foreign")).starts_with("invalid argument: the key"));
  }
  server.Do({"ACL", "DELUSER", "app"});
}

TEST(Layout, AWrongVersionIsLeftAlone) {
  const Server& server = SharedServer();
  TestStore store(server);
  server.Do({"HSET", "k", "data", "x", "version", "seven"});
  EXPECT_NE(ErrorText(store.Set({.key = "k", .value = "new"})).find("version"), std::string::npos);
  EXPECT_EQ(server.Do({"HGETALL", "k"}), "data x version seven");
  server.Do({"HSET", "blank", "data", "x", "version", ""});
  EXPECT_EQ(ErrorText(store.Set({.key = "blank", .value = "new"})), "");
  EXPECT_EQ(server.Do({"HGETALL", "blank"}), "data new version 1");
}

TEST(Layout, BulkReadsEveryForm) {
  const Server& server = SharedServer();
  server.Do({"HSET", "hash", "version", "7", "data", "1"});
  server.Do({"SET", "text", "2"});
  server.Do({"RPUSH", "list", "a"});
  TestStore store(server);
  using Items = base::Result<std::vector<contracts::BulkGetItem>>;
  const Items items = store.Run<Items>([&](const contracts::Call& call) {
    std::vector<contracts::GetRequest> requests;
    for (const char* key : {"hash", "text", "list", "none"}) {
      requests.push_back({.key = key, .metadata = {}});
    }
    return store.store().BulkGet(call, std::move(requests), {});
  });
  ASSERT_TRUE(items);
  EXPECT_EQ((*items)[0].value.data, "1");
  EXPECT_EQ((*items)[1].value.data, "2");
  EXPECT_TRUE((*items)[2].error.starts_with("redis: WRONGTYPE"));
  EXPECT_FALSE((*items)[3].value.found);
  EXPECT_EQ((*items)[3].error, "");
}

}  // namespace
}  // namespace components::state::redis
