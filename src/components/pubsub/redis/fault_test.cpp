// Servers that die, stop, are replaced, or do not allow everything.
#include <set>

#include "components/pubsub/redis/test_broker.hpp"

namespace components::pubsub::redis {
namespace {

using Entries = std::vector<config::Properties::Entry>;

void PublishUntilTaken(TestBroker& broker, const std::string& data) {
  EXPECT_TRUE(WaitFor([&] { return broker.Publish("t", data).empty(); })) << data;
}
std::set<std::string> Distinct(Keeper& keeper) {
  const auto data = keeper.data();
  return {data.begin(), data.end()};
}

TEST(RedisPubSubFaults, NothingIsLostWhenTheServerIsKilled) {
  Server server({"--appendonly", "yes", "--appendfsync", "always"});
  TestBroker broker(server, {{"processingTimeout", "2s"}, {"redeliverInterval", "200ms"}});
  ASSERT_EQ(broker.Subscribe("t"), "");
  std::set<std::string> taken;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      const std::string data = std::to_string(round) + "-" + std::to_string(i);
      PublishUntilTaken(broker, data);
      taken.insert(data);
    }
    // Some are in hand, some on their way.
    ASSERT_TRUE(WaitFor([&] { return broker.keeper().now() > 0; }));
    server.Kill();
    broker.AnswerAll(Verdict::kDone);
    ASSERT_TRUE(WaitFor([&] { return broker.keeper().now() == 0; }));
    broker.AnswerAll(std::nullopt);
    server.Start();
  }
  broker.AnswerAll(Verdict::kDone);
  EXPECT_TRUE(WaitFor([&] { return Distinct(broker.keeper()) == taken; }))
      << Distinct(broker.keeper()).size() << " of " << taken.size();
  EXPECT_TRUE(WaitFor([&] { return server.Do({"XPENDING", "t", "app"}).starts_with("0 "); }));
  EXPECT_FALSE(broker.keeper().twice_at_once());
}

TEST(RedisPubSubFaults, AStoppedServerIsNoticedAndTheEndDoesNotWaitForIt) {
  Server server;
  TestBroker broker(server, {{"readTimeout", "300ms"}});
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.Publish("t", "a"), "");
  ASSERT_TRUE(broker.keeper().Await(1));
  server.Pause();
  broker.Answer("a", Verdict::kDone);
  const auto start = std::chrono::steady_clock::now();
  broker.End(milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  server.Continue();
}

TEST(RedisPubSubFaults, AServerThatComesBackEmpty) {
  Server server;
  TestBroker broker(server);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  PublishUntilTaken(broker, "a");
  ASSERT_TRUE(broker.keeper().Await(1));
  server.Kill();
  server.Start();
  PublishUntilTaken(broker, "b");
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(broker.keeper().Await(2));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

// While the server is away the subscription pauses, ends, or begins.
TEST(RedisPubSubFaults, LifeWithoutAServer) {
  Server server;
  TestBroker broker(server);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  server.Kill();
  broker.Pause();
  broker.Resume();
  std::this_thread::sleep_for(milliseconds(300));
  broker.Pause();
  server.Start();
  PublishUntilTaken(broker, "a");
  broker.Resume();
  ASSERT_TRUE(broker.keeper().Await(1));
  server.Kill();
  const auto start = std::chrono::steady_clock::now();
  broker.End(milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_NE(broker.Subscribe("t"), "");
  server.Start();
  EXPECT_TRUE(WaitFor([&] { return broker.Subscribe("t").empty(); }));
}

// A user who may not manage clients: the wait for entries is ended by hanging up.
TEST(RedisPubSubFaults, WithoutTheRightToUnblock) {
  Server server;
  ASSERT_EQ(server.Do({"ACL", "SETUSER", "weak", "on", ">pw", "~*", "+@all", "-client"}), "OK");
  TestBroker broker({{"redisHost", server.address()},
                     {"consumerID", "app"},
                     {"redisUsername", "weak"},
                     {"redisPassword", "pw"}});
  ASSERT_TRUE(broker.status()) << broker.status().error().message;
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(broker.Publish("t", std::to_string(i)), "");
    ASSERT_TRUE(broker.keeper().Await(static_cast<std::size_t>(i) + 1));
    broker.Pause();
    EXPECT_TRUE(WaitFor(
        [&] { return server.Do({"CLIENT", "LIST"}).find("cmd=xreadgroup") == std::string::npos; }));
    broker.Resume();
  }
}

TEST(RedisPubSubFaults, AFailoverIsFollowed) {
  components::redis::testing::Watched watched;
  TestBroker broker({{"redisHost", watched.sentinel().address()},
                     {"consumerID", "app"},
                     {"failover", "true"},
                     {"sentinelMasterName", "mymaster"}});
  ASSERT_TRUE(broker.status()) << broker.status().error().message;
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  PublishUntilTaken(broker, "a");
  ASSERT_TRUE(broker.keeper().Await(1));
  watched.master().Kill();
  PublishUntilTaken(broker, "b");
  EXPECT_TRUE(WaitFor([&] { return Distinct(broker.keeper()).contains("b"); }));
}

TEST(RedisPubSubFaults, ATopicThatMovesInItsCluster) {
  Cluster& cluster = TheCluster();
  TestBroker broker(
      {{"redisHost", cluster.addresses()}, {"redisType", "cluster"}, {"consumerID", "app"}});
  ASSERT_TRUE(broker.status()) << broker.status().error().message;
  broker.AnswerAll(Verdict::kDone);
  const std::string slot = cluster.node(0).Do({"CLUSTER", "KEYSLOT", "t"});
  const int from = std::stoi(slot) * Cluster::kNodes / 16384;
  const int to = (from + 1) % Cluster::kNodes;
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.Publish("t", "a"), "");
  ASSERT_TRUE(broker.keeper().Await(1));
  const auto id = [&](int node) { return cluster.node(node).Do({"CLUSTER", "MYID"}); };
  cluster.node(to).Do({"CLUSTER", "SETSLOT", slot, "IMPORTING", id(from)});
  cluster.node(from).Do({"CLUSTER", "SETSLOT", slot, "MIGRATING", id(to)});
  EXPECT_EQ(cluster.node(from).Do({"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()),
                                   "t", "0", "5000"}),
            "OK");
  for (int node = 0; node < Cluster::kNodes; ++node) {
    cluster.node(node).Do({"CLUSTER", "SETSLOT", slot, "NODE", id(to)});
  }
  PublishUntilTaken(broker, "b");
  EXPECT_TRUE(broker.keeper().Await(2));
}

}  // namespace
}  // namespace components::pubsub::redis
