// What becomes of connections, sessions and renewals while whom to trust, tokens and mTLS itself
// change.
#include <atomic>
#include <filesystem>
#include <fstream>

#include "grpc/status.hpp"
#include "runtime/identity_test_util.hpp"
#include "runtime/runtime_test_util.hpp"

namespace runtime::test {
namespace {

using net::testing::Soon;
using net::testing::Store;
using net::testing::TestCa;
using net::testing::Tls;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kPay = "spiffe://public/ns/shop/pay";

struct Met {
  base::Status client;
  base::Status server;
  bool resumed = false;
};

// Connections to one address, without which no session is taken up.
class Meeting {
 public:
  Meeting() {
    EXPECT_TRUE(listener_.Start(*async::Loop::Current(), [this](auto stream) {
      incoming_ = std::move(stream);
      accepted_.Set();
    }));
  }
  async::Task<Met> Meet(Tls server, Tls client) {
    const async::Context context = Soon();
    Met met;
    auto dialed = co_await net::Dial(context, listener_.address());
    EXPECT_EQ(co_await accepted_.Wait(context), async::Wake::kReady);
    accepted_.Reset();
    async::Gate gate;
    async::Event done;
    gate.Spawn(Store(incoming_->AcceptTls(context, server), met.server, done));
    met.client = co_await (*dialed)->ConnectTls(context, client, "");
    if (!met.client) (*dialed)->ShutdownWrite();
    EXPECT_EQ(co_await done.Wait(context), async::Wake::kReady);
    if (met.client && met.server) {
      // The ticket comes before it.
      EXPECT_TRUE(co_await net::testing::WriteAll(*incoming_, context, "x"));
      EXPECT_EQ(co_await net::testing::ReadUpTo(**dialed, context, 1), "x");
      met.resumed = (*dialed)->tls_peer().resumed;
    }
    EXPECT_TRUE(co_await gate.Close(context));
    co_return met;
  }

 private:
  net::Listener listener_{*net::BindTcp("127.0.0.1", 0)};
  std::unique_ptr<net::Stream> incoming_;
  async::Event accepted_;
};

Tls TowardsPay(const Identity& identity) {
  http::Origin origin;
  EXPECT_TRUE(identity.Secure(origin, "pay", "shop"));
  auto tls = origin.tls_source->Current();
  EXPECT_TRUE(tls);
  return *tls;
}

// The runtime of another app, whose certificate is under `root`, and which trusts everybody.
Tls PayAsClient(const TestCa& root) {
  return net::testing::Client({.skip_verify = true,
                               .identity = root.Issue({.alternative = base::StrCat("URI:", kPay)}),
                               .alpn = {"h2"}});
}
Tls PayAsServer(const TestCa& root) {
  return net::testing::Server(
      {.identity = root.Issue({.alternative = base::StrCat("URI:", kPay)}), .alpn = {"h2"}});
}

TEST(IdentityChange, SessionsAreTakenUpUntilAPeersRootHasGone) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    const TestCa old("old");
    EXPECT_TRUE(world.anchors->Publish(world.ca->pem() + old.pem(), "test"));
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    Meeting calls_us, is_called;
    const Tls pay_calls = PayAsClient(old);
    const Tls pay_serves = PayAsServer(old);
    for (const bool again : {false, true, true}) {
      const Met in = co_await calls_us.Meet(*world.identity->ServerTls(), pay_calls);
      EXPECT_TRUE(in.client && in.server);
      EXPECT_EQ(in.resumed, again);
      const Met out = co_await is_called.Meet(pay_serves, TowardsPay(*world.identity));
      EXPECT_TRUE(out.client && out.server);
      EXPECT_EQ(out.resumed, again);
      world.Nudge();  // nothing has changed
    }

    EXPECT_TRUE(world.anchors->Publish(world.ca->pem(), "test"));
    EXPECT_TRUE(co_await world.Until([&] { return world.gone == 1; }));
    // Both still hold a session of before.
    const Met in = co_await calls_us.Meet(*world.identity->ServerTls(), pay_calls);
    EXPECT_FALSE(in.server);
    EXPECT_EQ(in.server.error().kind, base::Kind::kUnauthenticated);
    const Met out = co_await is_called.Meet(pay_serves, TowardsPay(*world.identity));
    EXPECT_FALSE(out.client);
    EXPECT_EQ(out.client.error().kind, base::Kind::kUnauthenticated);
    co_await world.Close();
  });
}

async::Task<void> UntilOneHasGone(World& world, std::string rest) {
  EXPECT_TRUE(world.anchors->Publish(rest, "test"));
  EXPECT_TRUE(co_await world.Until([&] { return world.anchors->Current()->removals > 0; }));
}

TEST(IdentityChange, AnchorsThatGoDuringARenewalAreToldOf) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    World world;
    const TestCa old("old");
    EXPECT_TRUE(world.anchors->Publish(world.ca->pem() + old.pem(), "test"));
    EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
    world.issuer->meanwhile = [&] { return UntilOneHasGone(world, world.ca->pem()); };
    world.ahead = seconds(3000);  // past the middle of the certificate's life
    EXPECT_TRUE(co_await world.Until([&] {
      world.Nudge();
      return world.issuer->asked >= 2;
    }));
    EXPECT_TRUE(co_await world.Until([&] { return world.gone == 1; }));
    co_await world.Close();
  });
}

async::Task<void> AskWith(const std::string& file) {
  World world(file);
  EXPECT_TRUE(co_await world.identity->Start(seconds(1)));
  world.issuer->trouble = base::Error(base::Kind::kPermissionDenied,
                                      "error from sentry SignCertificate: token was used before");
  world.ahead = seconds(3700);  // behind the certificate's end
  EXPECT_TRUE(co_await world.Until([&] {
    world.Nudge();
    return world.issuer->asked >= 3;
  }));
  const std::string error = world.PeerError().message;
  EXPECT_NE(error.find("token was used before"), std::string::npos) << error;
  EXPECT_NE(error.find(file), std::string::npos) << error;
  EXPECT_NE(error.find("fresh one"), std::string::npos) << error;
  EXPECT_EQ(error.find("secret-text"), std::string::npos) << error;
  std::ofstream(file) << "another";
  world.issuer->trouble.reset();
  world.issuer->until = seconds(7200);
  EXPECT_TRUE(co_await world.Until([&] {
    world.Nudge();
    return world.PeerError().message == "no error";
  }));
  EXPECT_EQ(world.issuer->last.token.text, "another");
  co_await world.Close();
}

TEST(IdentityChange, ATokenThatSentryRefusesIsNamedAndReadAgain) {
  const Folder folder;
  folder.Write("token", "secret-text");
  const std::string file = folder.path + "/token";
  net::testing::RunOnLoop([&] { return AskWith(file); });
}

// A sentry on a loop of its own that gives nobody a certificate.
class Refusing final : public http::Handler {
 public:
  explicit Refusing(const TestCa& root) {
    auto tls = net::TlsContext::Server(
        {.identity = root.Issue({.alternative = "URI:spiffe://cp/ns/dapr-system/dapr-sentry"}),
         .alpn = {"h2"}});
    EXPECT_TRUE(tls);
    auto socket = net::BindTcp("127.0.0.1", 0);
    address = base::StrCat("127.0.0.1:", net::LocalPort(*socket));
    loops_.RunOn(0, [&] {
      server_ = http::MakeServer(loops_.at(0), *this);
      listener_ = std::make_unique<net::Listener>(std::move(*socket));
      EXPECT_TRUE(listener_->Start(loops_.at(0), [this, tls = *tls](auto stream) {
        server_->Serve(std::move(stream), tls, nullptr);
      }));
    });
  }
  ~Refusing() override {
    loops_.RunOn(0, [this] { listener_.reset(); });
    loops_.RunTaskOn(0, [this] { return DrainNow(*server_); });
    loops_.RunOn(0, [this] { server_.reset(); });
  }
  async::Task<void> Handle(http::Exchange& exchange) override {
    http::ResponseHead head;
    head.headers.Add("content-type", "application/grpc");
    head.headers.Add("grpc-status", "7");
    exchange.Respond(head, "");
    co_return;
  }
  std::string address;

 private:
  async::LoopGroup loops_{1};
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

TEST(IdentityChange, APlainConnectionOfBeforeMtlsIsRefused) {
  const TestCa root;
  Refusing sentry(root);
  App app("cart");
  const Folder folder;
  const auto mtls = [&](const char* enabled) {
    folder.Write("config.conf", base::StrCat("apiVersion: dapr.io/v1alpha1\nkind: Configuration\n"
                                             "metadata: {name: c}\nspec: {mtls: {enabled: ",
                                             enabled, "}}\n"));
  };
  const uint16_t internal = FreePort();
  const auto describe = [&](int limit) {
    folder.Write("cart.yaml", SharedApp("cart", app.port,
                                        base::StrCat("  config: [", folder.path, "/config.conf]\n",
                                                     "  ports: {internal: ", internal, "}\n",
                                                     "  limits: {inFlight: ", limit, "}\n")));
  };
  mtls("false");
  describe(10);
  config::Options options = TestOptions();
  options.apps_path = folder.path;
  options.mtls_auto = true;
  options.sentry_address = sentry.address;
  options.trust_domain = "cp";
  options.control_plane_namespace = "dapr-system";
  options.env.trust_anchors = root.pem();
  Runtime runtime(std::move(options));
  ASSERT_EQ(runtime.error, "");
  const Ask ask{.path = "/dapr.proto.internals.v1.ServiceInvocation/CallLocal"};
  const auto status = [&] { return runtime.caller.Grpc(internal, ask).grpc_status; };
  const std::string refused = std::to_string(static_cast<int>(grpc::Code::kUnauthenticated));
  const std::string before = status();
  EXPECT_NE(before, "");
  EXPECT_NE(before, refused);
  mtls("true");
  describe(20);  // another form of the app takes over its port
  runtime.host->ReloadApps();
  EXPECT_EQ(status(), refused) << "the client keeps its connection";
  Caller other;
  EXPECT_EQ(other.Grpc(internal, ask).grpc_status, "") << "a new one gets nowhere";
}

}  // namespace
}  // namespace runtime::test
