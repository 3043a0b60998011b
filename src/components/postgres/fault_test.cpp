// Deadlines, limits and connections that break.
#include <gtest/gtest.h>

#include "components/postgres/test_client.hpp"

namespace components::postgres {
namespace {

using base::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ClientFault, ADeadlineEndsTheCallAndLeavesTheConnection) {
  TestClient client(SharedServer().connection(), {{"maxConns", "1"}});
  EXPECT_EQ(client.Good("SELECT 1"), "1");
  client.Run([](Client& one, const async::Context&) -> async::Task<void> {
    const async::Context context(async::Loop::Current()->After(milliseconds(100)));
    const auto rows = co_await one.Read(context, {.sql = "SELECT pg_sleep(0.4)", .params = {}});
    EXPECT_FALSE(rows);
    if (!rows) {
      EXPECT_EQ(rows.error().kind, Kind::kTimeout);
    }
    // Behind the one that goes on.
    const async::Context patient;
    EXPECT_TRUE(co_await one.Read(patient, {.sql = "SELECT 1", .params = {}}));
    async::CancelToken token;
    token.Cancel();
    const async::Context canceled(async::kForever, &token);
    const auto none = co_await one.Write(canceled, {.sql = "SELECT 1", .params = {}});
    EXPECT_FALSE(none);
    if (!none) {
      EXPECT_EQ(none.error().kind, Kind::kCanceled);
    }
  });
  EXPECT_EQ(client.client().open_connections(), 1);
}

TEST(ClientFault, TheServerEndsWhatNobodyWaitsFor) {
  TestClient client(SharedServer().connection(), {{"timeout", "1s"}});
  const auto start = std::chrono::steady_clock::now();
  const auto slow = client.Text("SELECT pg_sleep(30) /* marker */", 0, true);
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().kind, Kind::kTimeout) << slow.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(3));
  for (int i = 0; i < 100; ++i) {
    if (SharedServer().sql().One(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
            "query LIKE '%pg_sleep(30)%marker%' AND pid <> pg_backend_pid()") == "0") {
      return;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  ADD_FAILURE() << "the statement still runs";
}

async::Task<void> Sleeper(Client& client, OperationKind kind, std::vector<std::string>& out) {
  const async::Context context;
  const Query query{.sql = "SELECT pg_sleep(0.5)::text", .params = {}};
  const auto rows = kind == OperationKind::kRead ? co_await client.Read(context, query)
                                                 : co_await client.Write(context, query);
  out.push_back(
      rows ? "done" : std::string(base::KindName(rows.error().kind)) + ": " + rows.error().message);
}

TEST(ClientFault, AReadSurvivesABrokenConnectionAndAWriteIsNotSentAgain) {
  TestServer server;
  for (const OperationKind kind : {OperationKind::kRead, OperationKind::kWrite}) {
    TestClient client(server.connection());
    client.Run([&](Client& one, const async::Context& context) -> async::Task<void> {
      EXPECT_TRUE(co_await one.Read(context, {.sql = "SELECT 1", .params = {}}));
      std::vector<std::string> out;
      async::Gate gate;
      gate.Spawn(Sleeper(one, kind, out));
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(150)));
      server.sql().Exec(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
          "'daprd'");
      co_await WaitUntilEmpty(gate);
      EXPECT_EQ(out.size(), 1U);
      if (kind == OperationKind::kRead) {
        EXPECT_EQ(out.front(), "done");
      } else {
        EXPECT_TRUE(out.front().starts_with("unavailable: ")) << out.front();
      }
      EXPECT_TRUE(co_await one.Read(context, {.sql = "SELECT 1", .params = {}}));
    });
  }
}

TEST(ClientFault, NoMoreConnectionsThanAllowed) {
  TestClient client(SharedServer().connection(), {{"maxConns", "2"}});
  for (int loop = 0; loop < 2; ++loop) {
    client.Run(
        [](Client& one, const async::Context&) -> async::Task<void> {
          async::Gate gate;
          for (int i = 0; i < 20; ++i) {
            gate.Spawn([](Client& client) -> async::Task<void> {
              const async::Context context;
              const auto rows =
                  co_await client.Write(context, {.sql = "SELECT pg_sleep(0.005)", .params = {}});
              EXPECT_TRUE(rows) << rows.error().message;
            }(one));
          }
          co_await WaitUntilEmpty(gate);
        },
        loop);
    EXPECT_LE(client.client().open_connections(), loop == 0 ? 2 : 3);  // each loop may have one
  }
}

TEST(ClientFault, IdleConnectionsAreClosed) {
  TestClient client(SharedServer().connection(), {{"connectionMaxIdleTime", "200ms"}});
  EXPECT_EQ(client.Good("SELECT 1"), "1");
  EXPECT_EQ(client.client().open_connections(), 1);
  for (int i = 0; i < 200 && client.client().open_connections() > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(client.client().open_connections(), 0);
  EXPECT_EQ(client.Good("SELECT 1"), "1");
}

TEST(ClientFault, TheQueueIsBounded) {
  TestServer server;
  TestClient client(server.connection(), {{"maxConns", "1"}, {"timeout", "2s"}});
  EXPECT_EQ(client.Good("SELECT 1"), "1");
  server.Pause();
  client.Run([](Client& one, const async::Context&) -> async::Task<void> {
    async::Gate gate;
    std::map<Kind, int> errors;
    for (int i = 0; i < 10'100; ++i) {
      gate.Spawn([](Client& client, std::map<Kind, int>& count) -> async::Task<void> {
        const async::Context context;
        const auto rows = co_await client.Write(context, {.sql = "SELECT 1", .params = {}});
        EXPECT_FALSE(rows);
        if (!rows) ++count[rows.error().kind];
      }(one, errors));
    }
    EXPECT_GT(errors[Kind::kExhausted], 90);
    co_await WaitUntilEmpty(gate);
    EXPECT_GT(errors[Kind::kTimeout], 9'000);
  });
  server.Resume();
  EXPECT_EQ(client.Good("SELECT 1"), "1");
}

// A pooler that knows no `options` in the start-up message, in front of a server: it refuses
// connections that send them and copies bytes for the others.
class Pooler {
 public:
  explicit Pooler(int server_port) : server_port_(server_port) {
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Pooler() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  int refused() const { return refused_; }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }
  void Serve() {
    for (int client; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
      std::string start(4096, '\0');
      const ssize_t size = recv(client, start.data(), start.size(), 0);
      start.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
      if (start.find(std::string_view("\0options\0", 9)) != std::string::npos) {
        ++refused_;
        static constexpr char kFields[] =
            "SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        const std::string_view fields(kFields, sizeof kFields - 1);
        std::string answer("E\0\0\0", 4);
        answer += static_cast<char>(fields.size() + 4);
        answer += fields;
        send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        continue;
      }
      const int server = socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = Loopback(server_port_);
      EXPECT_EQ(connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
      send(server, start.data(), start.size(), MSG_NOSIGNAL);
      std::thread back([&] { Copy(server, client); });
      Copy(client, server);
      back.join();
      close(server);
    }
  }
  static void Copy(int from, int to) {
    char buffer[4096];
    for (ssize_t size; (size = recv(from, buffer, sizeof buffer, 0)) > 0;) {
      send(to, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    }
    shutdown(to, SHUT_WR);
  }

  const int server_port_;
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::atomic<int> refused_{0};
  std::thread thread_;
};

TEST(ClientFault, APoolerThatKnowsNoSettingsIsServedWithoutThem) {
  Pooler pooler(SharedServer().port());
  const std::string place = base::StrCat(
      "host=127.0.0.1 sslmode=disable user=postgres password='pass word\\'s' port=", pooler.port());
  {
    TestClient client(place, {{"queryExecMode", "exec"}});
    EXPECT_EQ(client.Good("SHOW statement_timeout"), "0");
    EXPECT_EQ(pooler.refused(), 1);
  }
  // What was asked for is not left out.
  TestClient client(place + " search_path=x");
  const auto refused = client.Text("SELECT 1");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("unsupported startup parameter"), std::string::npos);
}

TEST(ClientFault, ClosingEndsWhatWaits) {
  TestServer server;
  {
    TestClient client(server.connection());
    EXPECT_EQ(client.Good("SELECT 1", 0), "1");
    EXPECT_EQ(client.Good("SELECT 1", 1), "1");
    EXPECT_EQ(client.client().open_connections(), 2);
  }
  for (int i = 0; i < 100; ++i) {
    if (server.sql().One(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'daprd'") == "0") {
      return;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  ADD_FAILURE() << "connections are left";
}

}  // namespace
}  // namespace components::postgres
