// Real multicast between resolvers of one machine, on whatever interfaces it has; the loopback is
// enough.
#include "components/nameresolution/mdns/resolver.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "async/loop_group.hpp"
#include "base/strings.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::nameresolution::mdns {
namespace {

using contracts::Endpoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::string_literals::operator""s;
using Endpoints = std::vector<Endpoint>;

// Other tests may run at the same time on the same network.
std::string AppId(std::string_view name) {
  static const auto kStart = async::Clock::now().time_since_epoch().count();
  return base::StrCat("test-", getpid(), "-", kStart % 1'000'000'000, "-", name);
}

/// A runtime's resolver with loops of its own.
class Peer {
 public:
  explicit Peer(int loops = 2) : loops_(loops) {
    Run(0, [this](const contracts::Call& call) -> async::Task<void> {
      status = co_await resolver_->Init(call, {.name = "mdns", .properties = properties_});
    });
  }
  ~Peer() { Close(); }
  void Close() {
    if (!resolver_) return;
    Run(0, [this](const contracts::Call& call) -> async::Task<void> {
      if (status) co_await resolver_->Close(call);
      resolver_.reset();
    });
  }
  base::Status Announce(std::string app_id, std::string address, uint16_t port) {
    base::Status result;
    Run(0, [&](const contracts::Call& call) -> async::Task<void> {
      result = co_await resolver_->Announce(
          call, {.app_id = app_id, .address = address, .internal_port = port});
    });
    return result;
  }
  void Withdraw(std::string_view app_id) {
    Run(0, [&](const contracts::Call& call) -> async::Task<void> {
      co_await resolver_->Withdraw(call, app_id, "default");
    });
  }
  base::Result<Endpoints> Resolve(std::string_view app_id, int loop = 0,
                                  async::Duration wait = seconds(10)) {
    base::Result<Endpoints> result;
    Run(loop, [&](const contracts::Call& call) -> async::Task<void> {
      const contracts::Call bounded = call.Until(async::Loop::Current()->After(wait));
      result = co_await resolver_->Resolve(bounded, app_id, "default", 50002);
    });
    return result;
  }
  base::Status status;

 private:
  void Run(int loop, std::function<async::Task<void>(const contracts::Call&)> work) {
    loops_.RunTaskOn(loop, [&]() -> async::Task<void> {
      const contracts::Call call;
      co_await work(call);
    });
  }
  config::Properties properties_;
  std::unique_ptr<Resolver> resolver_ = std::make_unique<Resolver>();
  async::LoopGroup loops_;
};

/// Somebody else in the group, who hears everything and may say anything.
class Bystander {
 public:
  Bystander() {
    loops_.RunOn(0, [this] {
      socket_ = MulticastSocket::Open(loops_.at(0), MulticastSocket::Family::kV4).value();
      std::vector<std::string> problems;
      socket_->Join(ReadNetwork().interfaces, problems);
    });
  }
  ~Bystander() {
    loops_.RunOn(0, [this] { socket_.reset(); });
  }
  void Say(const std::string& bytes) {
    loops_.RunOn(0, [&] { socket_->Send(bytes); });
  }
  std::size_t joined() { return socket_->joined(); }
  /// How many of the messages heard so far ask for the app.
  int Queries(std::string_view app_id) {
    const Name service = ServiceName(app_id).value();
    loops_.RunOn(0, [&] {
      while (const auto datagram = socket_->Receive()) {
        const auto packet = ParsePacket(datagram->bytes);
        if (!packet || packet->response) continue;
        for (const Question& question : packet->questions) {
          if (SameName(question.name, service)) ++queries_;
        }
      }
      socket_->watch().set_readable(true);
    });
    return queries_;
  }

 private:
  async::LoopGroup loops_{1};
  std::unique_ptr<MulticastSocket> socket_;
  int queries_ = 0;
};

void WaitUntil(const std::function<bool()>& done) {
  const auto limit = async::Clock::now() + seconds(20);
  while (!done()) {
    ASSERT_LT(async::Clock::now(), limit) << "waited in vain";
    std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST(MdnsResolver, RuntimesFindEachOther) {
  Peer a, b;
  ASSERT_TRUE(a.status) << a.status.error().message;
  ASSERT_TRUE(b.status);
  ASSERT_TRUE(a.Announce(AppId("cart"), "192.0.2.77", 50002));
  ASSERT_TRUE(a.Announce(AppId("shop"), "127.0.0.1", 50012));
  ASSERT_TRUE(b.Announce(AppId("six"), "fd00::77", 50022));
  EXPECT_EQ(b.Resolve(AppId("cart")).value(), (Endpoints{{"192.0.2.77", 50002}}));
  EXPECT_EQ(b.Resolve(AppId("shop"), 1).value(), (Endpoints{{"127.0.0.1", 50012}}));
  EXPECT_EQ(a.Resolve(AppId("six"), 1).value(), (Endpoints{{"fd00::77", 50022}}));
  // Its own too.
  EXPECT_EQ(a.Resolve(AppId("cart"), 1).value(), (Endpoints{{"192.0.2.77", 50002}}));
}

TEST(MdnsResolver, NobodyAnswers) {
  Peer peer;
  const auto start = async::Clock::now();
  const auto result = peer.Resolve(AppId("nobody"), 1);
  const auto elapsed = async::Clock::now() - start;
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, base::Kind::kNotFound);
  EXPECT_EQ(result.error().message, "couldn't find service: " + AppId("nobody"));
  EXPECT_GE(elapsed, milliseconds(900));
  EXPECT_LT(elapsed, seconds(8));
  // Who asks again at once need not wait as long again.
  EXPECT_FALSE(peer.Resolve(AppId("nobody"), 1));
  EXPECT_LT(async::Clock::now() - start - elapsed, milliseconds(900));
}

TEST(MdnsResolver, TheCallersDeadlineCounts) {
  Peer peer;
  const auto result = peer.Resolve(AppId("slow"), 1, milliseconds(50));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, base::Kind::kTimeout);
}

TEST(MdnsResolver, AnAppThatComesInTimeIsFound) {
  Peer a, b;
  Bystander bystander;
  base::Result<Endpoints> found;
  std::thread asking([&] { found = b.Resolve(AppId("late"), 1); });
  WaitUntil([&] { return bystander.Queries(AppId("late")) > 0; });
  ASSERT_TRUE(a.Announce(AppId("late"), "192.0.2.78", 50002));
  asking.join();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (Endpoints{{"192.0.2.78", 50002}}));
}

TEST(MdnsResolver, ARuntimeThatClosesIsForgotten) {
  Peer a, b;
  ASSERT_TRUE(a.Announce(AppId("gone"), "192.0.2.79", 50002));
  ASSERT_TRUE(b.Resolve(AppId("gone")));
  a.Close();
  WaitUntil([&] { return !b.Resolve(AppId("gone"), 0, milliseconds(1)); });
}

TEST(MdnsResolver, AppsMoveAndGo) {
  Peer a, b;
  const std::string app_id = AppId("moving");
  ASSERT_TRUE(a.Announce(app_id, "192.0.2.83", 50002));
  EXPECT_EQ(b.Resolve(app_id).value(), (Endpoints{{"192.0.2.83", 50002}}));
  ASSERT_TRUE(a.Announce(app_id, "192.0.2.83", 50003));
  EXPECT_EQ(a.Resolve(app_id).value(), (Endpoints{{"192.0.2.83", 50003}}));
  WaitUntil([&] { return b.Resolve(app_id).value() == Endpoints{{"192.0.2.83", 50003}}; });
  a.Withdraw(app_id);
  a.Withdraw(app_id);
  EXPECT_FALSE(a.Resolve(app_id, 0, milliseconds(1)));
  WaitUntil([&] { return !b.Resolve(app_id, 0, milliseconds(1)); });
}

TEST(MdnsResolver, SeveralRuntimesOfOneAppTakeTurns) {
  // Two resolvers of one process have one instance name, so the second runtime is a bystander.
  Peer a, b;
  Bystander bystander;
  const std::string app_id = AppId("twice");
  ASSERT_TRUE(a.Announce(app_id, "192.0.2.80", 50002));
  ASSERT_TRUE(b.Resolve(app_id));
  bystander.Say(WriteResponse({.service = ServiceName(app_id).value(),
                               .name = NameFromLabels({"other:1", app_id, "local"}).value(),
                               .host = NameFromLabels({"other", "local"}).value(),
                               .port = 50003,
                               .text = app_id,
                               .address = "\xc0\0\2\x51"s},
                              120));
  WaitUntil([&] { return b.Resolve(app_id).value().size() == 2; });
  EXPECT_NE(b.Resolve(app_id).value().front(), b.Resolve(app_id).value().front());
}

TEST(MdnsResolver, ManyCallersMakeOneLook) {
  Peer peer(3);
  Bystander bystander;
  const std::string app_id = AppId("busy");
  std::vector<std::thread> callers;
  for (int i = 0; i < 12; ++i) {
    callers.emplace_back([&, i] { EXPECT_FALSE(peer.Resolve(app_id, i % 3)); });
  }
  for (std::thread& caller : callers) caller.join();
  // Two askings, each once on every interface, and twice where an interface hears the other's.
  const int queries = bystander.Queries(app_id);
  EXPECT_GT(queries, 0);
  EXPECT_LE(queries, 2 * static_cast<int>(bystander.joined()));
}

TEST(MdnsResolver, HostileMessagesDoNoHarm) {
  Peer a, b;
  Bystander bystander;
  const std::string app_id = AppId("steady");
  ASSERT_TRUE(a.Announce(app_id, "192.0.2.82", 50002));
  const std::string good = WriteQueries(std::vector<Name>{ServiceName(app_id).value()}).front();
  std::string seed = good;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = seed;
    bytes[static_cast<std::size_t>(i) % bytes.size()] = static_cast<char>(i * 37);
    bytes.resize(bytes.size() - static_cast<std::size_t>(i) % 7);
    bystander.Say(bytes);
  }
  bystander.Say(std::string(8999, '\xc0'));
  EXPECT_EQ(b.Resolve(app_id).value(), (Endpoints{{"192.0.2.82", 50002}}));
}

TEST(MdnsResolver, WhatCannotBeAnnounced) {
  Peer peer;
  const auto name = peer.Announce(AppId("x"), "host.example", 50002);
  ASSERT_FALSE(name);
  EXPECT_NE(name.error().message.find("DAPR_HOST_IP"), std::string::npos);
  EXPECT_FALSE(peer.Announce(AppId("x"), "10.0.0.1", 0));
  EXPECT_FALSE(peer.Announce(std::string(64, 'x'), "10.0.0.1", 50002));
  const auto bad = peer.Resolve(std::string(64, 'x'));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, base::Kind::kInvalidArgument);
}

TEST(MdnsResolver, ClosesWhileSomebodyLooks) {
  Peer peer;
  EXPECT_FALSE(peer.Resolve(AppId("brief"), 1, milliseconds(1)));
  peer.Close();
}

TEST(MdnsDocs, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::nameresolution::mdns
