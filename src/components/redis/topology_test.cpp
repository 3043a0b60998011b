// The client in a cluster and behind a sentinel.
#include <gtest/gtest.h>

#include "components/redis/cluster.hpp"
#include "components/redis/test_client.hpp"
#include "components/redis/test_server.hpp"

namespace components::redis {
namespace {

using std::chrono::seconds;
using testing::Cluster;
using testing::TestClient;
using testing::Watched;

std::vector<config::Properties::Entry> ClusterSettings(const std::string& hosts) {
  return {{"redisHost", hosts},
          {"redisType", "cluster"},
          {"readTimeout", "1s"},
          {"dialTimeout", "2s"},
          {"redisMaxRetryInterval", "100ms"}};
}

// For tests that leave all nodes running.
Cluster& SharedCluster() {
  static Cluster cluster;
  for (int i = 0; i < Cluster::kNodes; ++i) EXPECT_EQ(cluster.node(i).Do({"FLUSHALL"}), "OK");
  return cluster;
}

TEST(ClusterClient, FindsTheNodeOfEachKey) {
  Cluster& cluster = SharedCluster();
  // One node is enough to find the others.
  TestClient client(ClusterSettings(cluster.node(1).address()));
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(client.Do({"SET", key, key}, key), "OK");
    EXPECT_EQ(client.Do({"GET", key}, key), key);
  }
  int sum = 0;
  for (int i = 0; i < Cluster::kNodes; ++i) {
    const int here = std::stoi(cluster.node(i).Do({"DBSIZE"}));
    EXPECT_GT(here, 10);
    sum += here;
  }
  EXPECT_EQ(sum, 100);
  client.On(0, [&]() -> async::Task<void> {
    EXPECT_LE(client->connections(), 3U);
    co_return;
  });
  EXPECT_TRUE(client.Do({"MGET", "key1", "key2"}, "key1")
                  .starts_with("invalid argument: redis: CROSSSLOT"));
}

TEST(ClusterClient, SplitsManyByNode) {
  Cluster& cluster = SharedCluster();
  TestClient client(ClusterSettings(cluster.addresses()));
  client.On(0, [&]() -> async::Task<void> {
    std::vector<std::string> keys;
    for (int i = 0; i < 300; ++i) keys.push_back("k" + std::to_string(i));
    std::vector<std::array<Arg, 3>> args;
    for (const std::string& key : keys) args.push_back({"SET", key, key});
    std::vector<Request> requests(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      requests[i].args = args[i];
      requests[i].key = keys[i];
    }
    co_await client->RunAll(async::Context(), requests);
    for (const Request& request : requests) {
      EXPECT_TRUE(request.status) << request.status.error().message;
      EXPECT_EQ(request.reply.text(), "OK");
    }
  });
}

TEST(ClusterClient, FollowsRedirections) {
  Cluster& cluster = SharedCluster();
  TestClient client(ClusterSettings(cluster.addresses()));
  const std::string key = "{moving}key";
  EXPECT_EQ(client.Do({"SET", key, "1"}, key), "OK");
  const std::string slot = std::to_string(KeySlot(key));
  const int from = KeySlot(key) * Cluster::kNodes / 16384;
  const int to = (from + 1) % Cluster::kNodes;
  const std::string from_id = cluster.node(from).Do({"CLUSTER", "MYID"});
  const std::string to_id = cluster.node(to).Do({"CLUSTER", "MYID"});
  EXPECT_EQ(cluster.node(to).Do({"CLUSTER", "SETSLOT", slot, "IMPORTING", from_id}), "OK");
  EXPECT_EQ(cluster.node(from).Do({"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id}), "OK");
  // A key that is not at the old node any more is asked for at the new one.
  EXPECT_EQ(client.Do({"SET", "{moving}new", "2"}, "{moving}new"), "OK");
  EXPECT_EQ(client.Do({"GET", "{moving}new"}, "{moving}new"), "2");
  EXPECT_EQ(client.Do({"GET", key}, key), "1");
  EXPECT_EQ(cluster.node(from).Do({"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()),
                                   key, "0", "1000"}),
            "OK");
  EXPECT_EQ(cluster.node(to).Do({"CLUSTER", "SETSLOT", slot, "NODE", to_id}), "OK");
  EXPECT_EQ(cluster.node(from).Do({"CLUSTER", "SETSLOT", slot, "NODE", to_id}), "OK");
  EXPECT_EQ(client.Do({"GET", key}, key), "1");
  EXPECT_EQ(client.Do({"SET", key, "3"}, key), "OK");
}

TEST(ClusterClient, OneNodeDown) {
  Cluster cluster;
  TestClient client(ClusterSettings(cluster.addresses()));
  std::string keys[Cluster::kNodes];
  for (int i = 0; keys[0].empty() || keys[1].empty() || keys[2].empty(); ++i) {
    const std::string key = "k" + std::to_string(i);
    keys[KeySlot(key) * Cluster::kNodes / 16384] = key;
  }
  for (const std::string& key : keys) EXPECT_EQ(client.Do({"SET", key, "1"}, key), "OK");
  cluster.node(2).Kill();
  EXPECT_EQ(client.Do({"SET", keys[0], "2"}, keys[0]), "OK");
  const std::string error = client.Do({"SET", keys[2], "2"}, keys[2]);
  EXPECT_TRUE(error.starts_with("un")) << error;
  EXPECT_EQ(client.Do({"SET", keys[1], "2"}, keys[1]), "OK");
  cluster.node(2).Start();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", keys[2], "3"}, keys[2]) == "OK"; }));
}

TEST(ClusterClient, NoCluster) {
  const testing::Server server;
  TestClient client(ClusterSettings(server.address()));
  EXPECT_NE(client.Do({"GET", "a"}, "a").find("cluster support disabled"), std::string::npos);
}

TEST(SentinelClient, FollowsTheMaster) {
  Watched watched;
  TestClient client({{"redisHost", watched.sentinel().address()},
                     {"failover", "true"},
                     {"sentinelMasterName", "mymaster"},
                     {"readTimeout", "500ms"},
                     {"dialTimeout", "2s"}});
  EXPECT_EQ(client.Do({"SET", "a", "1"}), "OK");
  EXPECT_EQ(watched.master().Do({"GET", "a"}), "1");
  EXPECT_TRUE(testing::WaitFor([&] { return watched.replica().Do({"GET", "a"}) == "1"; }));
  watched.master().Kill();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "2"}) == "OK"; }));
  EXPECT_EQ(watched.replica().Do({"GET", "a"}), "2");
}

TEST(SentinelClient, LeavesAMasterThatHasBecomeAReplica) {
  Watched watched;
  TestClient client({{"redisHost", watched.sentinel().address()},
                     {"failover", "true"},
                     {"sentinelMasterName", "mymaster"},
                     {"redisMaxRetries", "30"},
                     {"redisMaxRetryInterval", "100ms"},
                     {"dialTimeout", "10s"}});
  EXPECT_EQ(client.Do({"SET", "a", "1"}), "OK");
  // The sentinel must have heard from the replica before it takes it.
  EXPECT_TRUE(testing::WaitFor(
      [&] { return watched.sentinel().Do({"SENTINEL", "FAILOVER", "mymaster"}) == "OK"; }));
  EXPECT_TRUE(testing::WaitFor([&] {
    return watched.replica().Do({"ROLE"}).starts_with("master") &&
           watched.master().Do({"ROLE"}).starts_with("slave");
  }));
  EXPECT_EQ(client.Do({"SET", "a", "2"}, {}, true), "OK");
  EXPECT_EQ(watched.replica().Do({"GET", "a"}), "2");
}

TEST(SentinelClient, SaysWhatIsWrong) {
  Watched watched;
  TestClient client({{"redisHost", watched.sentinel().address()},
                     {"failover", "true"},
                     {"sentinelMasterName", "nobody"},
                     {"redisMaxRetries", "-1"}});
  const std::string error = client.Do({"PING"});
  EXPECT_NE(error.find("knows no master named nobody"), std::string::npos) << error;
}

}  // namespace
}  // namespace components::redis
