#include "components/state/redis/store.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "components/state/redis/descriptor.hpp"
#include "components/state/redis/test_store.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::state::redis {
namespace {

using contracts::Consistency;
using contracts::DeleteRequest;
using contracts::SetRequest;
using contracts::TransactionRequest;

TEST(Descriptor, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(Descriptor, KnowsTheDocumentedFields) {
  std::vector<config::Properties::Entry> entries;
  for (const char* name : {"redisHost",
                           "redisPort",
                           "enableTLS",
                           "insecureSkipTLSVerify",
                           "clientCert",
                           "clientKey",
                           "failover",
                           "sentinelMasterName",
                           "redeliverInterval",
                           "processingTimeout",
                           "redisDB",
                           "redisMaxRetries",
                           "redisMinRetryInterval",
                           "redisMaxRetryInterval",
                           "dialTimeout",
                           "readTimeout",
                           "writeTimeout",
                           "poolSize",
                           "poolTimeout",
                           "maxConnAge",
                           "minIdleConns",
                           "idleCheckFrequency",
                           "idleTimeout",
                           "ttlInSeconds",
                           "queryIndexes",
                           "redisUsername",
                           "redisPassword",
                           "sentinelUsername",
                           "sentinelPassword",
                           "useEntraID"}) {
    entries.push_back({name, ""});
  }
  entries.front().value = "h";
  entries.push_back({"redisType", "node"});
  const auto warnings =
      contracts::ValidateMetadata(Descriptor(), "s", config::Properties("s", entries));
  ASSERT_TRUE(warnings) << warnings.error().message;
  EXPECT_TRUE(warnings->empty()) << warnings->front();
}

TEST(Init, SaysWhatIsWrong) {
  const std::string port = std::to_string(components::redis::testing::FreePort());
  const auto error = [](std::vector<config::Properties::Entry> entries) {
    TestStore store(std::move(entries));
    return ErrorText(store.status());
  };
  EXPECT_TRUE(error({{"redisHost", "127.0.0.1:" + port}})
                  .starts_with("unreachable: redis store: error connecting to redis at 127.0.0.1:" +
                               port + ": "));
  EXPECT_NE(error({}).find("redisHost"), std::string::npos);
  const std::string host = SharedServer().address();
  EXPECT_NE(error({{"redisHost", host}, {"ttlInSeconds", "soon"}}).find("ttlInSeconds"),
            std::string::npos);
  EXPECT_NE(error({{"redisHost", host}, {"queryIndexes", "{"}}).find("queryIndexes"),
            std::string::npos);
  const std::string no_module =
      error({{"redisHost", host},
             {"queryIndexes", R"([{"name":"i","indexes":[{"key":"a","type":"TEXT"}]}])"}});
  EXPECT_TRUE(no_module.starts_with("unimplemented: ")) << no_module;
  EXPECT_NE(no_module.find("RediSearch"), std::string::npos);
  EXPECT_NE(error({{"redisHost", host}, {"redisPassword", "x"}}).find("redisPassword"),
            std::string::npos);
}

TEST(Query, IsNotOfferedWithoutTheModules) {
  TestStore store(SharedServer());
  EXPECT_EQ(store.store().Features() & contracts::kStateQueryApi, 0U);
  // So the content type changes nothing.
  ASSERT_TRUE(store.Set({.key = "k",
                         .value = "{}",
                         .json = true,
                         .metadata = {{"contentType", "application/json"}}}));
  EXPECT_EQ(TheServer().Do({"TYPE", "k"}), "hash");
}

TransactionRequest Many(int count, const std::string& value, const std::string& prefix = "") {
  TransactionRequest request;
  for (int i = 0; i < count; ++i) {
    request.operations.emplace_back(
        SetRequest{.key = prefix + "k" + std::to_string(i), .value = value + std::to_string(i)});
  }
  return request;
}

TEST(Multi, TenThousandOperations) {
  const Server& server = SharedServer();
  TestStore store(server);
  ASSERT_EQ(ErrorText(store.Multi(Many(10'000, "a"))), "");
  EXPECT_EQ(server.Do({"DBSIZE"}), "10000");
  EXPECT_EQ(server.Do({"HGETALL", "k9999"}), "data a9999 version 1");
  // One that fails at the very end undoes all.
  TransactionRequest request = Many(10'000, "b");
  request.operations.emplace_back(SetRequest{.key = "k5", .value = "c", .etag = "99"});
  EXPECT_EQ(ErrorText(store.Multi(std::move(request))),
            "conflict: possible etag mismatch. error from state store: failed to set key k5");
  EXPECT_EQ(server.Do({"HGETALL", "k0"}), "data a0 version 1");
  EXPECT_EQ(server.Do({"HGETALL", "k9999"}), "data a9999 version 1");
}

TEST(Multi, EtagsAreThoseOfTheOperationsBefore) {
  const Server& server = SharedServer();
  TestStore store(server);
  ASSERT_TRUE(store.Set({.key = "k", .value = "1"}));
  TransactionRequest good;
  good.operations.emplace_back(SetRequest{.key = "k", .value = "2", .etag = "1"});
  good.operations.emplace_back(SetRequest{.key = "k", .value = "3", .etag = "2"});
  good.operations.emplace_back(DeleteRequest{.key = "k", .etag = "3"});
  good.operations.emplace_back(SetRequest{.key = "k", .value = "4"});
  EXPECT_EQ(ErrorText(store.Multi(good)), "");
  EXPECT_EQ(server.Do({"HGETALL", "k"}), "data 4 version 1");
  TransactionRequest bad;
  bad.operations.emplace_back(SetRequest{.key = "k", .value = "5", .etag = "1"});
  bad.operations.emplace_back(SetRequest{.key = "k", .value = "6", .etag = "1"});
  EXPECT_TRUE(ErrorText(store.Multi(bad)).starts_with("conflict: "));
  EXPECT_EQ(server.Do({"HGETALL", "k"}), "data 4 version 1");
  TransactionRequest erase;
  erase.operations.emplace_back(SetRequest{.key = "other", .value = "5"});
  erase.operations.emplace_back(DeleteRequest{.key = "k", .etag = "77"});
  EXPECT_NE(ErrorText(store.Multi(erase)).find("failed to delete key k"), std::string::npos);
  EXPECT_EQ(server.Do({"DBSIZE"}), "1");
}

TEST(Multi, WritesFormsTimesAndOtherTypes) {
  const Server& server = SharedServer();
  TestStore store(server);
  server.Do({"RPUSH", "list", "x"});
  server.Do({"HSET", "kept", "data", "x", "version", "1", "first-write", "0"});
  TransactionRequest request;
  request.operations.emplace_back(SetRequest{.key = "list", .value = "1"});
  request.operations.emplace_back(
      SetRequest{.key = "a", .value = "1", .metadata = {{"ttlInSeconds", "100"}}});
  request.operations.emplace_back(SetRequest{.key = "kept", .value = "2", .etag = "1"});
  EXPECT_EQ(ErrorText(store.Multi(request)), "");
  EXPECT_EQ(server.Do({"HGETALL", "list"}), "data 1 version 1");
  EXPECT_EQ(server.Do({"TTL", "a"}), "100");
  EXPECT_EQ(server.Do({"HGET", "kept", "version"}), "2");
  // Written by first-write: refused without its etag, and nothing of the rest is done.
  TransactionRequest refused;
  refused.operations.emplace_back(SetRequest{.key = "a", .value = "9"});
  refused.operations.emplace_back(SetRequest{.key = "kept", .value = "9"});
  EXPECT_TRUE(ErrorText(store.Multi(refused)).starts_with("internal: failed to set key kept"));
  EXPECT_EQ(server.Do({"HGET", "a", "data"}), "1");
}

TEST(Scripts, AreSentAgainWhenTheServerHasForgottenThem) {
  const Server& server = SharedServer();
  TestStore store(server);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrorText(store.Set({.key = "k", .value = "1"})), "");
    EXPECT_EQ(ErrorText(store.Multi(Many(3, "x"))), "");
    const auto bulk = store.Run<base::Status>([&](const contracts::Call& call) {
      std::vector<SetRequest> requests;
      for (const char* key : {"x", "y", "z"}) requests.push_back({.key = key, .value = "1"});
      return store.store().BulkSet(call, std::move(requests), {});
    });
    EXPECT_EQ(ErrorText(bulk), "");
    EXPECT_EQ(ErrorText(store.Delete({.key = "x"})), "");
    EXPECT_EQ(server.Do({"SCRIPT", "FLUSH"}), "OK");
  }
  EXPECT_EQ(server.Do({"HGET", "y", "version"}), "2");
  // A user who may run EVAL and not EVALSHA.
  server.Do({"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-evalsha"});
  TestStore limited(
      {{"redisHost", server.address()}, {"redisUsername", "app"}, {"redisPassword", "pw"}});
  EXPECT_EQ(ErrorText(limited.Set({.key = "k", .value = "2"})), "");
  server.Do({"ACL", "DELUSER", "app"});
}

TEST(Consistency, StrongWaitsForReplicas) {
  const Server master;
  const Server replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  ASSERT_TRUE(components::redis::testing::WaitFor([&] {
    return replica.Do({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
  }));
  TestStore store(master);
  const auto set = [&store](const char* value) {
    return ErrorText(
        store.Set({.key = "k", .value = value, .options = {.consistency = Consistency::kStrong}}));
  };
  EXPECT_EQ(set("1"), "");
  EXPECT_EQ(replica.Do({"HGET", "k", "data"}), "1");
  replica.Pause();
  EXPECT_TRUE(set("2").starts_with("unavailable: redis waiting for 1 replicas"));
  // Others are not held up by those that wait.
  EXPECT_EQ(ErrorText(store.Set({.key = "k", .value = "3"})), "");
  replica.Continue();
}

TEST(Faults, OfTheServerAreClear) {
  const Server server({"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"});
  TestStore store(server);
  std::string error;
  for (int i = 0; i < 100 && error.empty(); ++i) {
    error =
        ErrorText(store.Set({.key = "k" + std::to_string(i), .value = std::string(64 << 10, 'x')}));
  }
  EXPECT_TRUE(error.starts_with("exhausted: redis: OOM")) << error;
  const std::string size = server.Do({"DBSIZE"});
  EXPECT_TRUE(ErrorText(store.Multi(Many(10, std::string(64 << 10, 'x'), "multi")))
                  .starts_with("exhausted: redis: OOM"));
  EXPECT_EQ(server.Do({"DBSIZE"}), size);
  EXPECT_EQ(store.Get("k0")->data.size(), 64U << 10);

  const Server master;
  const Server replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  TestStore reader(replica);
  EXPECT_TRUE(ErrorText(reader.Set({.key = "k", .value = "1"}))
                  .starts_with("unavailable: redis: READONLY"));
  EXPECT_TRUE(ErrorText(reader.Multi(Many(3, "x"))).starts_with("unavailable: redis: READONLY"));
  EXPECT_FALSE(reader.Get("k")->found);
}

TEST(Faults, ATransactionThatMeetsTheEndIsWholeOrNot) {
  Server server({"--appendonly", "yes", "--appendfsync", "always"});
  TestStore store({{"redisHost", server.address()}, {"readTimeout", "500ms"}});
  ASSERT_TRUE(store.status());
  for (int round = 0; round < 5; ++round) {
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3 + round * 4));
      server.Kill();
    });
    (void)store.Multi(Many(2000, std::to_string(round) + "-"));
    killer.join();
    server.Start();
    const std::string last = server.Do({"HGET", "k1999", "data"});
    const std::string first = server.Do({"HGET", "k0", "data"});
    EXPECT_EQ(first.substr(0, first.find('-')), last.substr(0, last.find('-')));
  }
}

TEST(Cluster, TransactionsNeedOneSlot) {
  TestStore store({{"redisHost", SharedCluster().addresses()}, {"redisType", "cluster"}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  EXPECT_EQ(ErrorText(store.Multi(Many(100, "x", "{tag}"))), "");
  EXPECT_EQ(store.Get("{tag}k7")->data, "x7");
  const std::string error = ErrorText(store.Multi(Many(3, "x")));
  EXPECT_TRUE(error.starts_with("invalid argument: CROSSSLOT")) << error;
  EXPECT_NE(error.find("{hash tag}"), std::string::npos);
  EXPECT_FALSE(store.Get("k0")->found);
}

}  // namespace
}  // namespace components::state::redis
