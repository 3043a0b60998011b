// When a connection of the client over TLS counts as made, and what becomes of those that end
// before.
#include "base/strings.hpp"
#include "http/client.hpp"
#include "http/http1_test_util.hpp"
#include "net/test_tls.hpp"

namespace http {
namespace {

using http1_test::FunctionHandler;
using http1_test::milliseconds;
using net::testing::Ca;
using net::testing::RunOnLoop;
using net::testing::Soon;
using net::testing::TestCa;
using net::testing::Tls;
using StreamPtr = std::unique_ptr<net::Stream>;

Tls ClientTls(const std::string& id = "spiffe://td/ns/x/friend") {
  net::TlsClientOptions options = net::testing::ClientOptions();
  options.identity = Ca().Issue({.alternative = "URI:" + id});
  return net::testing::Client(std::move(options));
}
Tls ServerTls(const TestCa& trusted = Ca()) {
  net::TlsServerOptions options = net::testing::ServerOptions();
  options.client_ca_pem = trusted.pem();
  return net::testing::Server(std::move(options));
}

class Replaceable final : public net::TlsSource {
 public:
  base::Result<Tls> Current() const override { return tls; }
  Tls tls = ClientTls();
};

async::Task<void> Answer(Exchange& exchange) {
  const async::Context context = Soon();
  auto body = co_await ReadAll(exchange.body(), context, 1000);
  const net::TlsPeer& peer = exchange.connection().tls_peer;
  exchange.Respond({}, base::StrCat(body ? *body : "no body", " from ", peer.uri_san,
                                    peer.resumed ? " again" : ""));
}
async::Task<void> DropAfterHandshake(StreamPtr stream, Tls tls) {
  const async::Context context = Soon();
  EXPECT_TRUE(co_await stream->AcceptTls(context, std::move(tls)));
}
async::Task<void> KeepSilent(StreamPtr stream, Tls tls) {
  const async::Context context = Soon();
  EXPECT_TRUE(co_await stream->AcceptTls(context, std::move(tls)));
  co_await net::testing::ReadToEnd(*stream, context);
}

// A server whose connections the test may take in hand, and a client, all on the current loop.
struct World {
  explicit World(const ClientOptions& options = {})
      : client(MakeClient(*async::Loop::Current(), options)) {
    handler.handle = Answer;
    server = MakeServer(*async::Loop::Current(), handler);
    const auto started = listener.Start(*async::Loop::Current(), [this](StreamPtr stream) {
      if (take && take(stream, accepted++)) return;
      server->Serve(std::move(stream), tls, nullptr);
    });
    EXPECT_TRUE(started);
    origin.address = listener.address();
    origin.protocol = Protocol::kHttp2;
    origin.tls_source = source;
    origin.server_name = "app.example";
  }
  async::Task<void> Close() {
    const async::Context context = Soon();
    co_await client->Close(context);
    listener.Stop();
    co_await server->Drain(context);
    co_await gate.Close(context);
  }
  async::Task<std::string> Post(Body& body) {
    const async::Context context = Soon();
    RequestHead head;
    head.method = "POST";
    head.authority = "app";
    auto response = co_await client->Send(context, origin, std::move(head), &body);
    if (!response) {
      co_return base::StrCat(base::KindName(response.error().kind), ": ", response.error().message);
    }
    auto all = co_await ReadAll(*response->body, context, 1000);
    co_return all ? *all : "body error";
  }
  // Of a text that cannot be sent again.
  async::Task<std::string> PostOnce() {
    PipeBody body;
    body.Write("data");
    body.Close();
    co_return co_await Post(body);
  }

  FunctionHandler handler;
  Tls tls = ServerTls();
  std::shared_ptr<Replaceable> source = std::make_shared<Replaceable>();
  // Keeps the connection if it returns true.
  std::function<bool(StreamPtr& stream, int index)> take = [](StreamPtr&, int) { return false; };
  int accepted = 0;
  net::Listener listener{*net::BindTcp("127.0.0.1", 0)};
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> client;
  Origin origin;
  async::Gate gate;
};

TEST(Http2Dial, AConnectionThatEndsBeforeItBeginsIsMadeAnew) {
  RunOnLoop([]() -> async::Task<void> {
    World world;
    world.take = [&](StreamPtr& stream, int index) {
      return index < 2 && world.gate.Spawn(DropAfterHandshake(std::move(stream), world.tls));
    };
    EXPECT_EQ(co_await world.PostOnce(), "data from spiffe://td/ns/x/friend again");
    EXPECT_EQ(world.accepted, 3);
    EXPECT_EQ(world.client->connections(), 1U);
    co_await world.Close();
  });
}

TEST(Http2Dial, AServerThatAlwaysEndsIsUnreachable) {
  RunOnLoop([]() -> async::Task<void> {
    World world;
    world.take = [&](StreamPtr& stream, int) {
      return world.gate.Spawn(DropAfterHandshake(std::move(stream), world.tls));
    };
    const std::string answer = co_await world.PostOnce();
    EXPECT_TRUE(answer.starts_with(base::KindName(base::Kind::kUnreachable))) << answer;
    EXPECT_EQ(world.accepted, 3);
    co_await world.Close();
  });
}

TEST(Http2Dial, AServerThatSaysNothingIsUnreachable) {
  RunOnLoop([]() -> async::Task<void> {
    ClientOptions options;
    options.dial_timeout = milliseconds(100);
    World world(options);
    world.take = [&](StreamPtr& stream, int) {
      return world.gate.Spawn(KeepSilent(std::move(stream), world.tls));
    };
    const std::string answer = co_await world.PostOnce();
    EXPECT_TRUE(answer.starts_with(base::KindName(base::Kind::kUnreachable))) << answer;
    EXPECT_NE(answer.find("did not begin HTTP/2 in time"), std::string::npos) << answer;
    EXPECT_EQ(world.accepted, 1);
    co_await world.Close();
  });
}

TEST(Http2Dial, ACertificateThatTheServerRefusesFailsTheDial) {
  RunOnLoop([]() -> async::Task<void> {
    World world;
    const TestCa other("other");
    world.tls = ServerTls(other);
    const std::string answer = co_await world.PostOnce();
    EXPECT_TRUE(answer.starts_with(base::KindName(base::Kind::kUnauthenticated))) << answer;
    EXPECT_NE(answer.find("the peer refused our certificate: "), std::string::npos) << answer;
    EXPECT_EQ(world.accepted, 1) << "it would refuse it again";
    co_await world.Close();
  });
}

async::Task<void> PostInto(World& world, std::string& answer, async::Event& done) {
  answer = co_await world.PostOnce();
  done.Set();
}

TEST(Http2Dial, ADialThatCertificatesChangeUnderIsMadeAnew) {
  RunOnLoop([]() -> async::Task<void> {
    World world;
    const async::Context context = Soon();
    StreamPtr held;
    async::Event arrived, done;
    world.take = [&](StreamPtr& stream, int index) {
      if (index > 0) return false;
      held = std::move(stream);
      arrived.Set();
      return true;
    };
    std::string answer;
    world.gate.Spawn(PostInto(world, answer, done));
    EXPECT_EQ(co_await arrived.Wait(context), async::Wake::kReady);
    world.source->tls = ClientTls("spiffe://td/ns/x/renewed");
    world.client->RenewTls([](const Origin&) { return true; });
    world.server->Serve(std::move(held), world.tls, nullptr);
    EXPECT_EQ(co_await done.Wait(context), async::Wake::kReady);
    EXPECT_EQ(answer, "data from spiffe://td/ns/x/renewed");
    EXPECT_EQ(world.accepted, 2);
    co_await world.Close();
  });
}

TEST(Http2Dial, SessionsAreTakenUpWhileNothingChanges) {
  RunOnLoop([]() -> async::Task<void> {
    World world;
    EXPECT_EQ(co_await world.PostOnce(), "data from spiffe://td/ns/x/friend");
    EXPECT_EQ(co_await world.PostOnce(), "data from spiffe://td/ns/x/friend");
    EXPECT_EQ(world.accepted, 1) << "the connection is kept";
    world.client->Forget(world.origin);
    EXPECT_EQ(co_await world.PostOnce(), "data from spiffe://td/ns/x/friend again");
    world.client->Forget(world.origin);
    world.source->tls = ClientTls("spiffe://td/ns/x/renewed");
    EXPECT_EQ(co_await world.PostOnce(), "data from spiffe://td/ns/x/renewed");
    EXPECT_EQ(world.accepted, 3);
    co_await world.Close();
  });
}

}  // namespace
}  // namespace http
