// The client against a real server: commands, pipelining, sessions, credentials, databases, TLS.
#include "components/redis/client.hpp"

#include <gtest/gtest.h>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "components/redis/test_client.hpp"
#include "components/redis/test_server.hpp"
#include "net/test_certs.hpp"

namespace components::redis {
namespace {

using std::chrono::seconds;
using testing::Server;
using testing::TestClient;

async::Context Soon() {
  return async::Context(async::Loop::Current()->After(seconds(10)));
}

TEST(Client, RunsCommands) {
  const Server server;
  TestClient client({{"redisHost", server.address()}});
  EXPECT_EQ(client.Do({"SET", "a", std::string("x\0\r\n", 4)}), "OK");
  EXPECT_EQ(client.Do({"GET", "a"}), std::string("x\0\r\n", 4));
  EXPECT_EQ(client.Do({"GET", "none"}), "(nil)");
  EXPECT_EQ(client.Do({"INCR", "n"}), "1");
  EXPECT_TRUE(client.Do({"LPUSH", "n", "x"}).starts_with("invalid argument: redis: WRONGTYPE"));
  const std::string large(8 << 20, 'y');
  EXPECT_EQ(client.Do({"SET", "large", large}), "OK");
  EXPECT_EQ(client.Do({"GET", "large"}), large);
}

async::Task<void> Increment(Client& client, int& done) {
  const async::Context context = Soon();
  const Arg args[] = {"INCR", "n"};
  const auto reply = co_await client.Call(context, args);
  EXPECT_TRUE(reply) << reply.error().message;
  ++done;
}

TEST(Client, SharesOneConnectionALoopAndOneWriteATurn) {
  const Server server;
  TestClient client({{"redisHost", server.address()}}, 2);
  for (int loop = 0; loop < 2; ++loop) EXPECT_EQ(client.Do({"PING"}, {}, false, loop), "PONG");
  int done = 0;
  client.On(0, [&]() -> async::Task<void> {
    async::Gate gate;
    for (int i = 0; i < 1000; ++i) gate.Spawn(Increment(*client, done));
    while (gate.size() > 0) co_await async::Yield();
    EXPECT_EQ(client->connections(), 1U);
    co_await gate.Close(async::Context());
  });
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(client.Do({"GET", "n"}), "1000");
  const std::string stats = server.Do({"INFO", "stats"});
  // The helper's own connections come and go; ours are two. A thousand commands took few reads.
  const auto field = [&stats](const std::string& name) {
    return std::stoi(stats.substr(stats.find(name + ":") + name.size() + 1));
  };
  EXPECT_LT(field("total_reads_processed"), 50);
  const std::string clients = server.Do({"CLIENT", "LIST"});
  EXPECT_EQ(base::Split(clients, '\n').size(), 2U + 1 + 1) << clients;
}

TEST(Client, RunsManyInOneGo) {
  const Server server;
  TestClient client({{"redisHost", server.address()}});
  client.On(0, [&]() -> async::Task<void> {
    std::vector<std::string> keys;
    for (int i = 0; i < 100; ++i) keys.push_back("k" + std::to_string(i));
    std::vector<std::array<Arg, 3>> args;
    for (const std::string& key : keys) args.push_back({"SET", key, key});
    std::vector<Request> requests(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) requests[i].args = args[i];
    co_await client->RunAll(Soon(), requests);
    for (const Request& request : requests) {
      EXPECT_TRUE(request.status);
      EXPECT_EQ(request.reply.text(), "OK");
    }
    co_await client->RunAll(Soon(), {});
  });
  EXPECT_EQ(server.Do({"DBSIZE"}), "100");
}

TEST(Client, SessionsBlockAloneAndSubscribe) {
  const Server server;
  TestClient client({{"redisHost", server.address()}});
  client.On(0, [&]() -> async::Task<void> {
    auto blocked = co_await client->OpenSession(Soon());
    EXPECT_TRUE(blocked);
    const Arg pop[] = {"BLPOP", "list", "1"};
    async::Gate gate;
    bool popped = false;
    struct Work {
      static async::Task<void> Pop(Session& session, std::span<const Arg> args, bool& done) {
        const auto reply = co_await session.Run(Soon(), args);
        EXPECT_TRUE(reply) << reply.error().message;
        EXPECT_EQ((*reply)[1].text(), "v");
        done = true;
      }
    };
    gate.Spawn(Work::Pop(**blocked, pop, popped));
    // Others are not held up.
    const Arg push[] = {"RPUSH", "list", "v"};
    EXPECT_EQ(TestClient::Text(co_await client->Call(Soon(), push)), "1");
    while (!popped) co_await async::Yield();
    co_await gate.Close(async::Context());
    co_await (*blocked)->Close();

    auto subscriber = co_await client->OpenSession(Soon(), {}, 16);
    EXPECT_TRUE(subscriber);
    const Arg subscribe[] = {"SUBSCRIBE", "news"};
    EXPECT_TRUE((*subscriber)->SendOnly(subscribe));
    const auto first = co_await (*subscriber)->Receive(Soon());
    EXPECT_EQ((*first)[0].text(), "subscribe");
    for (int i = 0; i < 100; ++i) {
      const std::string text = std::to_string(i);
      const Arg publish[] = {"PUBLISH", "news", text};
      EXPECT_EQ(TestClient::Text(co_await client->Call(Soon(), publish)), "1");
    }
    for (int i = 0; i < 100; ++i) {
      const auto message = co_await (*subscriber)->Receive(Soon());
      EXPECT_EQ((*message)[2].text(), std::to_string(i));
    }
    const auto none =
        co_await (*subscriber)
            ->Receive(async::Context(async::Loop::Current()->After(std::chrono::milliseconds(5))));
    EXPECT_EQ(none.error().kind, base::Kind::kTimeout);
    co_await (*subscriber)->Close();
  });
}

TEST(Client, ChecksCredentials) {
  const Server server({"--requirepass", "right"});
  testing::Raw admin(server.port(), "right");
  EXPECT_EQ(admin.Do({"ACL", "SETUSER", "app", "on", ">pw", "~app*", "+get", "+set", "+ping"}),
            "OK");
  TestClient good({{"redisHost", server.address()}, {"redisPassword", "right"}});
  EXPECT_EQ(good.Do({"PING"}), "PONG");
  TestClient user(
      {{"redisHost", server.address()}, {"redisUsername", "app"}, {"redisPassword", "pw"}});
  EXPECT_EQ(user.Do({"SET", "app1", "x"}), "OK");
  EXPECT_TRUE(user.Do({"SET", "other", "x"}).starts_with("permission denied: redis: NOPERM"));
  TestClient none({{"redisHost", server.address()}});
  EXPECT_NE(none.Do({"PING"}).find("set redisPassword"), std::string::npos);
  TestClient bad({{"redisHost", server.address()}, {"redisPassword", "wrong-secret"}});
  const std::string error = bad.Do({"PING"});
  EXPECT_TRUE(error.starts_with("unauthenticated: redis at 127.0.0.1:")) << error;
  EXPECT_EQ(error.find("wrong-secret"), std::string::npos);
}

TEST(Client, UsesItsDatabase) {
  const Server server;
  TestClient client({{"redisHost", server.address()}, {"redisDB", "3"}});
  EXPECT_EQ(client.Do({"SET", "a", "x"}), "OK");
  EXPECT_EQ(server.Do({"GET", "a"}), "(nil)");
  TestClient wrong({{"redisHost", server.address()}, {"redisDB", "99"}});
  EXPECT_NE(wrong.Do({"PING"}).find("check redisDB"), std::string::npos);
}

TEST(Client, SpeaksTls) {
  const net::testing::TestCa authority;
  const net::TlsIdentity identity = authority.Issue({.alternative = "DNS:localhost,IP:127.0.0.1"});
  char folder_name[] = "/tmp/redis-tls-XXXXXX";
  const std::string folder = mkdtemp(folder_name);
  const auto write = [&folder](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  };
  const Server server({"--tls-port", "{port}", "--tls-cert-file",
                       write("cert", identity.certificate_chain_pem), "--tls-key-file",
                       write("key", identity.private_key_pem), "--tls-ca-cert-file",
                       write("ca", authority.pem())});
  const std::vector<config::Properties::Entry> common = {
      {"redisHost", server.address()},
      {"enableTLS", "true"},
      {"clientCert", identity.certificate_chain_pem},
      {"clientKey", identity.private_key_pem}};
  auto trusting = common;
  trusting.push_back({"insecureSkipTLSVerify", "true"});
  {
    TestClient client(trusting);
    EXPECT_EQ(client.Do({"SET", "a", std::string(1 << 20, 'x')}), "OK");
    EXPECT_EQ(client.Do({"STRLEN", "a"}), std::to_string(1 << 20));
  }
  TestClient wary(common);  // the system does not know our authority
  EXPECT_TRUE(wary.Do({"PING"}).starts_with("unauthenticated: redis at 127.0.0.1:"));
  TestClient bare({{"redisHost", server.address()},
                   {"enableTLS", "true"},
                   {"insecureSkipTLSVerify", "true"},
                   {"redisMaxRetries", "-1"}});
  EXPECT_TRUE(bare.Do({"PING"}).find("PONG") == std::string::npos);
  auto broken = ReadSettings(config::Properties("c", {{"redisHost", "h"},
                                                      {"enableTLS", "true"},
                                                      {"clientCert", "nonsense"},
                                                      {"clientKey", "nonsense"}}),
                             {});
  EXPECT_NE(Client::Make(*std::move(broken)).error().message.find("clientCert"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace components::redis
