// What happens to callers when the server goes away, stops, comes back, or will not do its work.
#include <gtest/gtest.h>

#include "async/loop.hpp"
#include "components/redis/test_client.hpp"
#include "components/redis/test_server.hpp"
#include "components/redis/test_stub.hpp"

namespace components::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Server;
using testing::TestClient;

milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

std::vector<config::Properties::Entry> Quick(const Server& server) {
  return {{"redisHost", server.address()}, {"readTimeout", "300ms"}, {"dialTimeout", "1s"}};
}

TEST(Faults, NoServer) {
  TestClient client({{"redisHost", "127.0.0.1:" + std::to_string(testing::FreePort())}});
  const auto start = std::chrono::steady_clock::now();
  const std::string error = client.Do({"SET", "a", "x"});
  EXPECT_TRUE(error.starts_with("unreachable: redis at 127.0.0.1:")) << error;
  EXPECT_NE(error.find("connection refused"), std::string::npos) << error;
  EXPECT_LT(Since(start), seconds(2));
  TestClient nowhere({{"redisHost", "no-such-host.invalid"}, {"redisMaxRetries", "-1"}});
  EXPECT_TRUE(nowhere.Do({"PING"}).find("no-such-host.invalid") != std::string::npos);
}

TEST(Faults, KilledAndRestarted) {
  Server server;
  TestClient client(Quick(server));
  EXPECT_EQ(client.Do({"SET", "a", "x"}), "OK");
  server.Kill();
  EXPECT_TRUE(client.Do({"SET", "a", "y"}).starts_with("un"));  // unavailable, then unreachable
  EXPECT_TRUE(client.Do({"SET", "a", "y"}).starts_with("unreachable"));
  for (int i = 0; i < 5; ++i) (void)client.Do({"PING"});
  server.Start();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "z"}) == "OK"; }));
  EXPECT_LT(Since(start), seconds(2));
}

TEST(Faults, RestartedBetweenCommands) {
  Server server;
  TestClient client(Quick(server));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.Do({"SET", "a", "x"}), "OK");
    server.Kill();
    server.Start();
    // The end of the old connection may be seen only now: reads are sent again, at once.
    EXPECT_EQ(client.Do({"GET", "a"}, {}, /*repeatable=*/true), "(nil)");
  }
}

TEST(Faults, StoppedServer) {
  Server server;
  TestClient client(Quick(server));
  EXPECT_EQ(client.Do({"PING"}), "PONG");
  server.Pause();
  auto start = std::chrono::steady_clock::now();
  const std::string first = client.Do({"SET", "a", "x"});
  EXPECT_TRUE(first.starts_with("timeout: redis at ")) << first;
  EXPECT_GE(Since(start), milliseconds(290));
  EXPECT_LT(Since(start), seconds(2));
  // The next ones wait for a new connection, whose greeting is not answered either.
  const std::string second = client.Do({"SET", "a", "x"});
  EXPECT_TRUE(second.starts_with("timeout: ")) << second;
  server.Continue();
  start = std::chrono::steady_clock::now();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "z"}) == "OK"; }));
  EXPECT_LT(Since(start), seconds(2));
}

async::Task<void> SetOne(Client& client, async::Duration limit, std::vector<base::Kind>& kinds) {
  const async::Context context(async::Loop::Current()->After(limit));
  const Arg args[] = {"SET", "a", "x"};
  const auto reply = co_await client.Call(context, args);
  kinds.push_back(reply ? base::Kind::kInternal : reply.error().kind);
}

TEST(Faults, ManyCallersOfAStoppedServerAllGetAnErrorInTime) {
  Server server;
  TestClient client(Quick(server));
  EXPECT_EQ(client.Do({"PING"}), "PONG");
  server.Pause();
  std::vector<base::Kind> kinds;
  const auto start = std::chrono::steady_clock::now();
  client.On(0, [&]() -> async::Task<void> {
    async::Gate gate;
    for (int i = 0; i < 1000; ++i) gate.Spawn(SetOne(*client, milliseconds(i % 200 + 1), kinds));
    while (gate.size() > 0) {
      co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(5)));
    }
    co_await gate.Close(async::Context());
  });
  EXPECT_LT(Since(start), seconds(2));
  ASSERT_EQ(kinds.size(), 1000U);
  for (const base::Kind kind : kinds) EXPECT_EQ(kind, base::Kind::kTimeout);
  server.Continue();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "z"}) == "OK"; }));
}

TEST(Faults, TheQueueHasABound) {
  Server server;
  TestClient client(Quick(server));
  EXPECT_EQ(client.Do({"PING"}), "PONG");
  server.Pause();
  std::vector<base::Kind> kinds;
  client.On(0, [&]() -> async::Task<void> {
    async::Gate gate;
    for (int i = 0; i < 60'000; ++i) gate.Spawn(SetOne(*client, seconds(1), kinds));
    EXPECT_EQ(std::ranges::count(kinds, base::Kind::kExhausted), 10'000);
    while (gate.size() > 0) {
      co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(20)));
    }
    co_await gate.Close(async::Context());
  });
  EXPECT_EQ(kinds.size(), 60'000U);
  server.Continue();
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "z"}) == "OK"; }));
}

TEST(Faults, CanceledCallersLeaveTheOthersAlone) {
  const Server server;
  TestClient client(Quick(server));
  client.On(0, [&]() -> async::Task<void> {
    const async::Context context;
    const Arg ping[] = {"PING"};
    EXPECT_TRUE(co_await client->Call(context, ping));
    async::CancelToken token;
    async::Gate gate;
    int canceled = 0;
    int done = 0;
    struct Work {
      static async::Task<void> Run(Client& client, async::CancelToken* token, int& count) {
        const async::Context context(async::kForever, token);
        const Arg args[] = {"INCR", "n"};
        const auto reply = co_await client.Call(context, args);
        count += token ? !reply && reply.error().kind == base::Kind::kCanceled : reply.has_value();
      }
    };
    for (int i = 0; i < 100; ++i) {
      gate.Spawn(Work::Run(*client, i % 2 == 0 ? &token : nullptr, i % 2 == 0 ? canceled : done));
    }
    token.Cancel();
    EXPECT_EQ(canceled, 50);
    while (gate.size() > 0) co_await async::Yield();
    EXPECT_EQ(done, 50);
    co_await gate.Close(context);
  });
  EXPECT_EQ(server.Do({"GET", "n"}), "100");
}

TEST(Faults, FullMemory) {
  const Server server({"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"});
  TestClient client(Quick(server));
  const std::string large(64 << 10, 'x');
  std::string answer = "OK";
  for (int i = 0; i < 100 && answer == "OK"; ++i) {
    answer = client.Do({"SET", "k" + std::to_string(i), large});
  }
  EXPECT_TRUE(answer.starts_with("exhausted: redis: OOM")) << answer;
  EXPECT_NE(answer.find("maxmemory"), std::string::npos);
  EXPECT_EQ(client.Do({"STRLEN", "k0"}), std::to_string(large.size()));
}

TEST(Faults, FullDisk) {
  // A folder that cannot be written makes the snapshot fail, and then writes are refused.
  const Server server({"--save", "1 1", "--dbfilename", "dump.rdb"});
  ASSERT_EQ(server.Do({"CONFIG", "SET", "rdbcompression", "no"}), "OK");
  TestClient client(Quick(server));
  std::filesystem::create_directory(server.folder() + "/dump.rdb");
  EXPECT_EQ(client.Do({"SET", "a", "x"}), "OK");
  EXPECT_TRUE(testing::WaitFor([&] {
    (void)server.Do({"BGSAVE"});
    return server.Do({"INFO", "persistence"}).find("rdb_last_bgsave_status:err") !=
           std::string::npos;
  }));
  const std::string error = client.Do({"SET", "a", "y"});
  EXPECT_TRUE(error.starts_with("unavailable: redis: MISCONF")) << error;
  EXPECT_EQ(client.Do({"GET", "a"}), "x");
}

TEST(Faults, ReadOnlyReplica) {
  const Server master;
  const Server replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
  TestClient client(Quick(replica));
  const auto start = std::chrono::steady_clock::now();
  const std::string error = client.Do({"SET", "a", "x"});
  EXPECT_TRUE(error.starts_with("unavailable: redis: READONLY")) << error;
  EXPECT_LT(Since(start), seconds(1));
}

// A service's address stays while what is behind it becomes another server: the old one lives on as
// a replica, and keeps what is connected to it.
TEST(Faults, AnotherServerBehindTheSameAddress) {
  const testing::Stub stub([](const testing::Stub::Command&, int connection) {
    return std::string(
        connection == 0 ? "-READONLY You can't write against a read only replica.\r\n" : "+OK\r\n");
  });
  TestClient client({{"redisHost", stub.address()}, {"redisMaxRetries", "1"}});
  EXPECT_EQ(client.Do({"PING"}), "PONG");
  // Not more than one new connection a second.
  EXPECT_TRUE(client.Do({"SET", "a", "x"}).starts_with("unavailable: redis: READONLY"));
  EXPECT_TRUE(testing::WaitFor([&] { return client.Do({"SET", "a", "x"}) == "OK"; }));
}

TEST(Faults, ReadsWhatMayBeWritten) {
  const Server server;
  ASSERT_EQ(server.Do({"SETRANGE", "long", std::to_string(150 << 20), "x"}),
            std::to_string((150 << 20) + 1));
  TestClient client({{"redisHost", server.address()}, {"readTimeout", "20s"}});
  EXPECT_EQ(client.Do({"GET", "long"}).size(), (150U << 20) + 1);
}

// Runs all at the same time on one connection, each for a caller of its own. All may be repeated,
// but for writes.
std::vector<std::string> AtOnce(TestClient& client,
                                std::vector<std::vector<std::string>> commands) {
  struct Work {
    static async::Task<void> Run(Client& client, const std::vector<std::string>& command,
                                 std::string& out) {
      const async::Context context;
      const std::vector<Arg> args(command.begin(), command.end());
      out = TestClient::Text(co_await client.Call(context, args, {}, command[0] != "SET"));
    }
  };
  std::vector<std::string> out(commands.size());
  client.On(0, [&]() -> async::Task<void> {
    async::Gate gate;
    for (std::size_t i = 0; i < commands.size(); ++i) {
      gate.Spawn(Work::Run(*client, commands[i], out[i]));
    }
    while (gate.size() > 0) {
      co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(1)));
    }
    co_await gate.Close(async::Context());
  });
  return out;
}

TEST(Faults, ATooLongAnswerConcernsItsCallerOnly) {
  const Server server;
  TestClient client(Quick(server), 1, {.max_bytes = 1000});
  EXPECT_EQ(client.Do({"MSET", "a", "x", "long", std::string(100'000, 'y')}), "OK");
  const auto got = AtOnce(client, {{"GET", "a"}, {"GET", "long"}, {"SET", "b", "z"}, {"GET", "a"}});
  EXPECT_EQ(got[0], "x");
  EXPECT_TRUE(got[1].starts_with("too large: redis: TOOLARGE the answer is longer")) << got[1];
  EXPECT_EQ(got[2], "OK");
  EXPECT_EQ(got[3], "x");
}

TEST(Faults, TooManyElementsConcernTheirCallerOnly) {
  const Server server;
  TestClient client(Quick(server), 1, {.max_elements = 10});
  EXPECT_EQ(client.Do({"SET", "a", "x"}), "OK");
  EXPECT_EQ(client.Do({"RPUSH", "wide", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}),
            "11");
  const std::vector<std::string> wide{"LRANGE", "wide", "0", "-1"};
  const auto got = AtOnce(client, {{"GET", "a"}, wide, {"GET", "a"}, {"SET", "a", "y"}});
  EXPECT_EQ(got[0], "x");
  EXPECT_TRUE(got[1].starts_with("too large: redis at ")) << got[1];
  EXPECT_TRUE(got[2] == "x" || got[2] == "y") << got[2];
  // Nobody knows whether it was carried out.
  EXPECT_TRUE(got[3].starts_with("unavailable: ")) << got[3];
  client.On(0, [&]() -> async::Task<void> {
    const async::Context context;
    const Arg get[] = {"GET", "a"};
    const std::vector<Arg> args(wide.begin(), wide.end());
    Request together[] = {{.args = get}, {.args = args}, {.args = get, .repeatable = true}};
    co_await client->RunAll(context, together);
    EXPECT_EQ(together[0].reply.text(), "y");
    EXPECT_TRUE(together[0].status);
    EXPECT_EQ(together[1].status.error().kind, base::Kind::kTooLarge);
    EXPECT_TRUE(together[2].status);
    EXPECT_EQ(together[2].reply.text(), "y");
  });
}

TEST(Faults, ClientLimitOfTheServer) {
  const Server server({"--maxclients", "1"});
  testing::Raw only(server.port());
  ASSERT_EQ(only.Do({"PING"}), "PONG");
  TestClient client({{"redisHost", server.address()}, {"redisMaxRetries", "-1"}});
  EXPECT_NE(client.Do({"PING"}).find("max number of clients"), std::string::npos);
}

}  // namespace
}  // namespace components::redis
