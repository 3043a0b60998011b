// The client against placement servers of ours over loopback sockets.
#include "control/placement/client.hpp"

#include <gtest/gtest.h>

#include "control/link/test_service.hpp"
#include "grpc/test_wire.hpp"
#include "grpc/wire.hpp"

namespace control {
namespace {

using grpc::test::Bytes;
using grpc::test::Number;
using std::chrono::milliseconds;
using test::Until;

std::string Order(std::string_view operation, uint64_t version, std::string_view tables = "") {
  return (tables.empty() ? "" : Bytes(1, tables)) + Bytes(2, operation) + Number(3, version);
}

std::string Tables() {
  const std::string host = Bytes(1, "h:1") + Bytes(2, Bytes(1, "h:1") + Bytes(5, "cart"));
  return Bytes(1, Bytes(1, "T") + Bytes(2, Bytes(3, host))) + Number(4, 100);
}

// A placement server: keeps what it is told, sends what it is told to.
struct Server : test::TestService {
  Server() {
    service.Add(std::string(kReportPath),
                {.stream = [this](grpc::ServerStream& stream) { return Handle(stream); }});
  }

  async::Task<grpc::CallStatus> Handle(grpc::ServerStream& stream) {
    ++streams;
    if (refusal) co_return std::unexpected(*refusal);
    std::size_t sent = orders.size();
    async::Gate reading;
    reading.Spawn(Read(stream, reading.context()));
    while (!ended) {
      while (sent < orders.size()) {
        if (!co_await stream.Write(orders[sent++])) ended = true;
      }
      if (co_await news.Wait(stream.call().context()) != async::Wake::kReady) break;
    }
    const async::Context patient;
    co_await reading.Close(patient);
    ended = false;
    co_return grpc::CallStatus();
  }
  async::Task<void> Read(grpc::ServerStream& stream, const async::Context context) {
    while (true) {
      auto message = co_await stream.Read(context);
      if (!message || !*message) break;
      grpc::wire::Reader reader(**message);
      std::string text;
      while (reader.Next()) {
        if (reader.field() == 4) text += " " + std::string(reader.bytes());
        if (reader.field() == 9) text += std::to_string(reader.number());
        if (reader.field() == 10) text += "@" + std::to_string(reader.number());
      }
      heard.push_back(text);
    }
    ended = true;
    news.Pulse();
  }
  void Send(std::string order) {
    orders.push_back(std::move(order));
    news.Pulse();
  }
  async::Task<void> Round(uint64_t version) {
    Send(Order("lock", version));
    Send(Order("update", version, Tables()));
    Send(Order("unlock", version));
    const std::string last = "4@" + std::to_string(version);
    co_await Until([&] { return !heard.empty() && heard.back() == last; });
  }

  int streams = 0;
  bool ended = false;
  std::optional<grpc::Status> refusal;
  std::vector<std::string> orders;
  std::vector<std::string> heard;
  async::Event news;
};

struct Observer final : PlacementObserver {
  async::Task<void> OnLock(const async::Context& context, uint64_t version) override {
    said += "L" + std::to_string(version);
    if (slow) co_await go_on.Wait(context);
  }
  async::Task<void> OnUpdate(const async::Context&, const PlacementTable& table) override {
    said += "U" + std::to_string(table.version());
    co_return;
  }
  void OnUnlock(std::shared_ptr<const PlacementTable> table) override {
    said += "O" + std::to_string(table->version());
  }
  void OnLost() override { said += "X"; }
  std::string said;
  bool slow = false;
  async::Event go_on;
};

struct Case {
  void Run(async::Task<void> (Case::*body)()) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [this, body] { return Whole(body); });
  }
  async::Task<void> Whole(async::Task<void> (Case::*body)()) {
    http = http::MakeClient(*async::Loop::Current());
    server = std::make_unique<Server>();
    other = std::make_unique<Server>();
    server->Serve();
    other->Serve();
    client = std::make_unique<PlacementClient>(
        PlacementOptions{.app_id = "cart",
                         .app_namespace = "shop",
                         .address = "placement:1",
                         .authority = "placement:1",
                         .times = {.call = milliseconds(500),
                                   .round = milliseconds(round_time),
                                   .retry = milliseconds(10),
                                   .max_retry = milliseconds(40)}},
        *http, [this](const async::Context&) { return Locate(); }, &observer, nullptr,
        telemetry::Log("test"));
    co_await (this->*body)();
    co_await client->Close();
    EXPECT_FALSE(client->connected());
    client.reset();
    co_await http->Close(async::Context(async::Loop::Current()->After(milliseconds(100))));
    http.reset();
    co_await server->Stop();
    co_await other->Stop();
    server.reset();
    other.reset();
  }
  async::Task<base::Result<std::vector<http::Origin>>> Locate() {
    ++located;
    std::vector<http::Origin> out = {server->origin()};
    if (two) out.push_back(other->origin());
    co_return out;
  }

  async::Task<void> TakesPart() {
    client->SetEntities({"T"});
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    EXPECT_EQ(server->heard[0], " T1");
    EXPECT_FALSE(client->connected());
    EXPECT_EQ(client->table(), nullptr);
    co_await server->Round(5);
    EXPECT_EQ(server->heard, (std::vector<std::string>{" T1", "2@5", "3@5", "4@5"}));
    EXPECT_TRUE(client->connected());
    EXPECT_EQ(client->table()->Find("T", "x")->app_id, "cart");
    client->SetEntities({"T", "U"});
    co_await Until([&] { return server->heard.size() == 5; });
    EXPECT_EQ(server->heard[4], " T U1");
    co_await server->Round(6);
    EXPECT_EQ(observer.said, "L5U5O5L6U6O6");
    EXPECT_EQ(client->table()->version(), 6u);
    EXPECT_EQ(server->streams, 1);
  }

  async::Task<void> WaitsForTheObserver() {
    observer.slow = true;
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    server->Send(Order("lock", 1));
    co_await Until([&] { return observer.said == "L1"; });
    EXPECT_EQ(server->heard.size(), 1u);
    observer.go_on.Set();
    co_await Until([&] { return server->heard.size() == 2; });
    EXPECT_EQ(server->heard[1], "2@1");
  }

  async::Task<void> ComesBack() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    co_await server->Round(1);
    const uint16_t port = server->port();
    co_await server->Stop();
    co_await Until([&] { return !client->connected(); });
    EXPECT_EQ(client->table(), nullptr);
    EXPECT_EQ(observer.said, "L1U1O1X");
    server->ended = false;
    server->heard.clear();
    server->Serve(port);
    co_await Until([&] { return server->heard.size() == 1; });
    EXPECT_EQ(server->heard[0], "1");
    co_await server->Round(1);
    EXPECT_TRUE(client->connected());
  }

  async::Task<void> FindsTheLeader() {
    two = true;
    server->refusal = grpc::Status{grpc::Code::kFailedPrecondition, "node is not a leader", {}};
    client->Start("h:1");
    co_await Until([&] { return other->heard.size() == 1; });
    EXPECT_EQ(server->streams, 1);
    co_await other->Round(3);
    // Another one leads from now on.
    server->refusal.reset();
    other->refusal = grpc::Status{grpc::Code::kFailedPrecondition, "node is not a leader", {}};
    other->ended = true;
    other->news.Pulse();
    co_await Until([&] { return server->heard.size() == 1; });
    co_await server->Round(4);
    EXPECT_TRUE(client->connected());
  }

  async::Task<void> PausesWhereNobodyLeads() {
    two = true;
    const grpc::Status no{grpc::Code::kFailedPrecondition, "node is not a leader", {}};
    server->refusal = other->refusal = no;
    client->Start("h:1");
    co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(150)));
    // Both at once, then a pause of at least 7 ms, and longer ones.
    EXPECT_GE(server->streams, 2);
    EXPECT_LE(server->streams + other->streams, 30);
  }

  async::Task<void> BeginsAnewOutOfTurn() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    server->Send(Order("unlock", 1));  // of no update
    co_await Until([&] { return server->streams == 2; });
    co_await Until([&] { return server->heard.size() == 2; });
    co_await server->Round(9);
    server->Send(Order("lock", 8));  // older
    co_await Until([&] { return server->streams == 3; });
    co_await Until([&] { return server->heard.back() == "1"; });
    server->Send("\x0a\x05x");
    co_await Until([&] { return server->streams == 4; });
  }

  async::Task<void> NewLockBeginsAnotherRound() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    server->Send(Order("lock", 1));
    server->Send(Order("update", 1, Tables()));
    co_await server->Round(2);
    EXPECT_EQ(client->table()->version(), 2u);
    EXPECT_EQ(server->streams, 1);
  }

  async::Task<void> RoundsHaveAnEnd() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    co_await server->Round(1);
    server->Send(Order("lock", 2));
    co_await Until([&] { return server->streams == 2; });
    EXPECT_EQ(observer.said, "L1U1O1L2X");
  }

  async::Task<void> RestsBetweenRounds() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    co_await server->Round(1);
    co_await async::Sleep(async::Context(),
                          async::Loop::Current()->After(milliseconds(round_time * 3)));
    EXPECT_EQ(server->streams, 1);
    EXPECT_TRUE(client->connected());
  }

  async::Task<void> Reconnects() {
    client->Start("h:1");
    co_await Until([&] { return server->heard.size() == 1; });
    co_await server->Round(1);
    client->Reconnect();
    EXPECT_FALSE(client->connected());
    co_await Until([&] { return server->streams == 2 && server->heard.back() == "1"; });
    co_await server->Round(2);
    EXPECT_TRUE(client->connected());
  }

  int round_time = 3000;
  bool two = false;
  int located = 0;
  Observer observer;
  std::unique_ptr<http::Client> http;
  std::unique_ptr<Server> server;
  std::unique_ptr<Server> other;
  std::unique_ptr<PlacementClient> client;
};

TEST(PlacementClient, TakesPartInRounds) {
  Case().Run(&Case::TakesPart);
}
TEST(PlacementClient, AnswersWhenTheObserverIsDone) {
  Case().Run(&Case::WaitsForTheObserver);
}
TEST(PlacementClient, ComesBackAfterALoss) {
  Case().Run(&Case::ComesBack);
}
TEST(PlacementClient, FindsTheLeader) {
  Case().Run(&Case::FindsTheLeader);
}
TEST(PlacementClient, PausesWhereNobodyLeads) {
  Case().Run(&Case::PausesWhereNobodyLeads);
}
TEST(PlacementClient, BeginsAnewAfterAnOrderOutOfTurn) {
  Case().Run(&Case::BeginsAnewOutOfTurn);
}
TEST(PlacementClient, TakesAHigherLockAsAnotherRound) {
  Case().Run(&Case::NewLockBeginsAnotherRound);
}
TEST(PlacementClient, GivesUpARoundThatDoesNotEnd) {
  Case test;
  test.round_time = 400;
  test.Run(&Case::RoundsHaveAnEnd);
}
TEST(PlacementClient, RestsBetweenRounds) {
  Case test;
  test.round_time = 400;
  test.Run(&Case::RestsBetweenRounds);
}
TEST(PlacementClient, MovesOverWhenTold) {
  Case().Run(&Case::Reconnects);
}

}  // namespace
}  // namespace control
