#include "runtime/identity.hpp"

#include <sys/timerfd.h>

#include <fstream>
#include <iterator>

#include "net/spiffe_check.hpp"
#include "runtime/clock_watch.hpp"
#include "runtime/identity_book.hpp"
#include "runtime/identity_test_util.hpp"

namespace runtime {
namespace {

using net::testing::TestCa;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::World;

TEST(Identity, IsAskedForAndUsed) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    EXPECT_EQ(world.identity->own_id(), "");
    EXPECT_FALSE(world.identity->ServerTls());
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    EXPECT_EQ(world.identity->own_id(), "spiffe://public/ns/shop/cart");
    EXPECT_EQ(world.issuer->last.app_id, "cart");
    EXPECT_EQ(world.issuer->last.app_namespace, "shop");
    EXPECT_EQ(world.issuer->last.jwt_audiences, std::vector<std::string>{"x"});
    EXPECT_EQ(world.issuer->anchors, world.ca->pem());

    http::Origin to_self, to_other, again;
    EXPECT_TRUE(world.identity->Secure(to_self, "cart", "shop"));
    EXPECT_TRUE(world.identity->Secure(to_other, "pay", "shop"));
    EXPECT_TRUE(world.identity->Secure(again, "cart", "shop"));
    EXPECT_EQ(to_self, again) << "connections are shared";
    EXPECT_FALSE(to_self == to_other) << "each peer proves who it is";
    EXPECT_TRUE(world.identity->Secures(to_self));

    const auto server = world.identity->ServerTls();
    const auto good = co_await net::testing::Shake(*server, *to_self.tls_source->Current(), "");
    EXPECT_TRUE(good.server) << good.server.error().message;
    EXPECT_TRUE(good.client) << good.client.error().message;
    EXPECT_EQ(good.pair.server->tls_peer().uri_san, "spiffe://public/ns/shop/cart");
    const auto bad = co_await net::testing::Shake(*server, *to_other.tls_source->Current(), "");
    EXPECT_EQ(bad.client.error().kind, base::Kind::kUnauthenticated);

    const auto plane = world.identity->ControlPlaneTls("dapr-operator");
    EXPECT_EQ(plane, world.identity->ControlPlaneTls("dapr-operator"));
    const auto wrong = co_await net::testing::Shake(*server, *plane->Current(), "");
    EXPECT_NE(wrong.client.error().message.find("spiffe://cp/ns/dapr-system/dapr-operator"),
              std::string::npos)
        << wrong.client.error().message;
    co_await world.Close();
  });
}

TEST(Identity, IsRenewedAtTheMiddleOfItsLife) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    world.issuer->from = seconds(-100);
    world.issuer->until = seconds(300);  // the middle is 100 s from now
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    const auto before = *world.identity->ServerTls();
    world.ahead = seconds(95);
    world.Nudge();
    EXPECT_EQ(world.issuer->asked, 1);
    // Jumps of the clock are seen as well.
    world.ahead = seconds(101);
    EXPECT_TRUE(co_await world.Until([&] {
      world.Nudge();
      return world.issuer->asked == 2;
    }));
    EXPECT_NE(*world.identity->ServerTls(), before);
    co_await world.Close();
  });
}

// Nobody tells the background work here that something has happened.
TEST(Identity, AClockThatIsSetIsNoticedByWhoeverMeetsIt) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    world.issuer->until = seconds(1000);
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    // Forward, past the certificate's end: by those who call, or by those who are called.
    world.issuer->until = seconds(5000);
    world.ahead = seconds(2000);
    EXPECT_NE(world.PeerError().message.find("ended at"), std::string::npos);
    EXPECT_TRUE(co_await world.Until([&] { return world.issuer->asked == 2; }));
    EXPECT_TRUE(co_await world.Until([&] { return world.PeerError().message == "no error"; }));
    world.issuer->until = seconds(50'000);
    world.ahead = seconds(6000);
    EXPECT_TRUE(world.identity->ServerTls());
    EXPECT_TRUE(co_await world.Until([&] { return world.issuer->asked == 3; }));
    EXPECT_EQ(world.PeerError().message, "no error");
    // Back, before its begin.
    world.issuer->from = seconds(-5000);
    world.ahead = seconds(-4000);
    EXPECT_EQ(world.PeerError().message, "no error") << "it is the peers who judge it";
    EXPECT_TRUE(co_await world.Until([&] { return world.issuer->asked == 4; }));
    co_await world.Close();
  });
}

TEST(Identity, ServesToItsEndWhileSentryIsAwayAndComesBack) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    world.issuer->until = seconds(300);
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    world.issuer->trouble = base::Error(base::Kind::kUnreachable, "sentry at a:1 is gone");
    world.ahead = seconds(250);
    EXPECT_TRUE(co_await world.Until([&] {
      world.Nudge();
      return world.issuer->asked > 4;
    }));
    EXPECT_EQ(world.PeerError().message, "no error");
    world.ahead = seconds(301);
    world.Nudge();
    const base::Error error = world.PeerError();
    EXPECT_EQ(error.kind, base::Kind::kUnauthenticated);
    EXPECT_NE(error.message.find("ended at"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("sentry at a:1 is gone"), std::string::npos) << error.message;
    world.issuer->until = seconds(3600);
    world.issuer->trouble.reset();
    EXPECT_TRUE(co_await world.Until([&] {
      world.Nudge();
      return world.PeerError().message == "no error";
    }));
    co_await world.Close();
  });
}

TEST(Identity, AnswersOfTheFirstRequest) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    {
      World world;
      world.issuer->trouble = base::Error(base::Kind::kPermissionDenied, "not you");
      const auto started = co_await world.identity->Start(seconds(5));
      EXPECT_EQ(started.error().message,
                "failed to retrieve the initial identity: not you\nno X509 SVID available");
      EXPECT_EQ(world.issuer->asked, 1) << "a refusal is final";
      co_await world.Close();
    }
    {
      World world;
      world.issuer->trouble = base::Error(base::Kind::kUnreachable, "away");
      const auto started = co_await world.identity->Start(milliseconds(60));
      EXPECT_EQ(started.error().kind, base::Kind::kUnreachable);
      EXPECT_GT(world.issuer->asked, 1);
      EXPECT_NE(world.PeerError().message.find("has no identity certificate: away"),
                std::string::npos);
      // It may come later.
      world.issuer->trouble.reset();
      EXPECT_TRUE(co_await world.Until([&] { return !world.identity->own_id().empty(); }));
      co_await world.Close();
    }
    {
      World world;
      world.issuer->id = "spiffe://public/ns/shop/other";
      const auto started = co_await world.identity->Start(milliseconds(10));
      EXPECT_NE(started.error().message.find("it is for spiffe://public/ns/shop/other"),
                std::string::npos)
          << started.error().message;
      co_await world.Close();
    }
  });
}

TEST(Identity, NewAnchorsAreTakenAndAGoneOneRenewsEverything) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    const auto next = std::make_shared<TestCa>("next");
    const auto stranger = next->Issue({.alternative = "URI:spiffe://public/ns/shop/pay"});
    const auto client = [&] {
      return net::testing::Client({.skip_verify = true, .identity = stranger, .alpn = {"h2"}});
    };
    const auto refused = co_await net::testing::Shake(*world.identity->ServerTls(), client(), "");
    EXPECT_EQ(refused.server.error().kind, base::Kind::kUnauthenticated);

    EXPECT_TRUE(world.anchors->Publish(world.ca->pem() + next->pem(), "test"));
    const auto old = *world.identity->ServerTls();
    EXPECT_TRUE(co_await world.Until([&] { return *world.identity->ServerTls() != old; }));
    const auto taken = co_await net::testing::Shake(*world.identity->ServerTls(), client(), "");
    EXPECT_TRUE(taken.server) << taken.server.error().message;
    EXPECT_EQ(world.issuer->asked, 1) << "the certificate still is under an anchor";
    EXPECT_EQ(world.gone, 0);

    // Its own root goes: a new certificate first, then the old root.
    world.issuer->ca = next;
    EXPECT_TRUE(world.anchors->Publish(next->pem(), "test"));
    EXPECT_TRUE(co_await world.Until([&] { return world.gone == 1; }));
    EXPECT_TRUE(co_await world.Until([&] { return world.issuer->asked >= 2; }));
    const auto self = net::testing::Client(
        {.ca_pem = next->pem(), .check_host_name = false, .identity = stranger, .alpn = {"h2"}});
    EXPECT_TRUE(co_await world.Until([&] { return world.issuer->asked >= 2; }));
    const auto moved = co_await net::testing::Shake(*world.identity->ServerTls(), self, "");
    EXPECT_TRUE(moved.client) << moved.client.error().message;
    co_await world.Close();
  });
}

TEST(Identity, ServersAskForASpiffeId) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    const net::testing::Tls server = *world.identity->ServerTls();
    const auto with = [&](net::TlsIdentity identity) {
      return net::testing::Client(
          {.skip_verify = true, .identity = std::move(identity), .alpn = {"h2"}});
    };
    const auto none = co_await net::testing::Shake(server, with({}), "");
    EXPECT_NE(none.server.error().message.find("showed no certificate"), std::string::npos);
    const auto nameless = co_await net::testing::Shake(server, with(world.ca->Issue({})), "");
    EXPECT_NE(nameless.server.error().message.find("names no SPIFFE ID"), std::string::npos)
        << nameless.server.error().message;
    const auto two = co_await net::testing::Shake(
        server, with(world.ca->Issue({.alternative = "URI:spiffe://td/ns/n/a,URI:spiffe://td/b"})),
        "");
    EXPECT_NE(two.server.error().message.find("more than one URI"), std::string::npos);
    const auto other = co_await net::testing::Shake(
        server, with(world.ca->Issue({.alternative = "URI:http://td/x"})), "");
    EXPECT_NE(other.server.error().message.find("malformed SPIFFE ID"), std::string::npos);
    const auto expired = co_await net::testing::Shake(
        server, with(world.ca->Issue({.alternative = "URI:spiffe://td/ns/n/a"}, true)), "");
    EXPECT_NE(expired.server.error().message.find("expired"), std::string::npos);
    co_await world.Close();
  });
}

TEST(Identity, IsCountedFromTheStart) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    world.issuer->trouble = base::Error(base::Kind::kUnreachable, "away");
    EXPECT_FALSE(co_await world.identity->Start(milliseconds(0)));
    telemetry::Registry registry(1);
    const auto series = registry.App({.app_id = "cart"});
    world.identity->CountIn(series);
    world.issuer->trouble.reset();
    EXPECT_TRUE(co_await world.Until([&] { return !world.identity->own_id().empty(); }));
    std::vector<const telemetry::Series*> all;
    series->Collect(all);
    EXPECT_EQ(all.size(), 2U) << "one failure, one success";
    co_await world.Close();
  });
}

// The timer of the wall clock among this process's descriptors.
int ClockTimer() {
  for (int fd = 0; fd < 1024; ++fd) {
    std::ifstream info(base::StrCat("/proc/self/fdinfo/", fd));
    const std::string text((std::istreambuf_iterator<char>(info)), {});
    if (text.find("clockid: 0") != std::string::npos) return fd;
  }
  return -1;
}

TEST(ClockWatch, TellsEachTime) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    int told = 0;
    async::Event news;
    async::Gate gate;
    const async::Context limit(async::Loop::Current()->After(seconds(5)));
    gate.Spawn(WatchClock(gate.context(), [&] {
      ++told;
      news.Pulse();
    }));
    const int timer = ClockTimer();
    EXPECT_GE(timer, 0);
    for (int i = 1; i <= 2; ++i) {
      // Nobody may set the clock here: this is as readable.
      const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1000}};
      EXPECT_EQ(timerfd_settime(timer, 0, &soon, nullptr), 0);
      EXPECT_EQ(co_await news.Wait(limit), async::Wake::kReady);
      EXPECT_EQ(told, i);
      itimerspec now{};
      timerfd_gettime(timer, &now);
      EXPECT_GT(now.it_value.tv_sec, 0) << "it waits again";
    }
    EXPECT_TRUE(co_await gate.Close(limit));
  });
}

TEST(IdentityBook, LinesToTheControlPlaneAreTlsInKubernetesWhateverTheFlagSays) {
  config::Options options;
  EXPECT_FALSE(SecuresControlPlane(options, false));
  EXPECT_TRUE(SecuresControlPlane(options, true));
  options.mode = config::Mode::kKubernetes;
  EXPECT_TRUE(SecuresControlPlane(options, false));
  options.enable_mtls_given = true;  // --enable-mtls=false
  EXPECT_FALSE(SecuresPeers(options, {}));
  EXPECT_TRUE(SecuresControlPlane(options, false));
}

}  // namespace
}  // namespace runtime
