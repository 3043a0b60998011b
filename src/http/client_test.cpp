// The client's choice of connections over HTTP/2, and both protocols over TLS.
#include "http/client.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "base/strings.hpp"
#include "http/http1_test_util.hpp"
#include "net/test_certs.hpp"

namespace http {
namespace {

using http1_test::FunctionHandler;
using http1_test::milliseconds;
using http1_test::TestServer;

Origin OriginOf(uint16_t port, Protocol protocol) {
  Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", port);
  origin.protocol = protocol;
  return origin;
}

async::Task<std::string> Fetch(Client& client, const Origin& origin, std::string target,
                               std::string text = {}) {
  const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
  RequestHead head;
  head.method = "POST";
  head.target = std::move(target);
  head.authority = "app";
  StringBody body(std::move(text));
  auto response = co_await client.Send(context, origin, std::move(head), &body);
  if (!response) {
    co_return base::StrCat("error ", base::KindName(response.error().kind), " ",
                           response.error().message);
  }
  auto all = co_await ReadAll(*response->body, context, 1 << 26);
  co_return all ? base::StrCat(response->head.status, " ", *all) : "body error";
}

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    handler_.handle = [](Exchange& exchange) -> async::Task<void> {
      const async::Context context;
      auto body = co_await ReadAll(exchange.body(), context, 1 << 26);
      if (!body) co_return;
      if (exchange.request().target == "/slow") {
        co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(20)));
      }
      const bool http2 = exchange.request().protocol == Protocol::kHttp2;
      exchange.Respond({},
                       base::StrCat(http2 ? "h2 " : "h1 ", exchange.request().scheme, " ", *body));
    };
  }
  using Scenario = std::function<async::Task<void>(Client&)>;
  static async::Task<void> RunScenario(const Scenario& scenario, const ClientOptions& options) {
    auto client = MakeClient(*async::Loop::Current(), options);
    co_await scenario(*client);
    const async::Context context(async::Loop::Current()->After(milliseconds(1000)));
    co_await client->Close(context);
  }
  void Run(const Scenario& scenario, const ClientOptions& options = {}) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return RunScenario(scenario, options); });
  }
  static async::Task<void> Count(Client& client, const Origin& origin, std::string target,
                                 std::string expected, int& done) {
    EXPECT_EQ(co_await Fetch(client, origin, std::move(target)), expected);
    ++done;
  }
  // Many calls at once; returns how many connections they took.
  static async::Task<std::size_t> Burst(Client& client, const Origin& origin, int calls) {
    async::Gate gate;
    int done = 0;
    for (int i = 0; i < calls; ++i) {
      gate.Spawn(Count(client, origin, "/slow", "200 h2 http ", done));
    }
    const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
    co_await gate.Close(context);
    EXPECT_EQ(done, calls);
    co_return client.connections();
  }

  FunctionHandler handler_;
};

TEST_F(ClientTest, ManyHttp2CallsShareOneDial) {
  TestServer server(handler_);
  const Origin origin = OriginOf(server.port(), Protocol::kHttp2);
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Burst(client, origin, 50), 1u);
    EXPECT_EQ(co_await Fetch(client, origin, "/", std::string(1'000'000, 'b')),
              "200 h2 http " + std::string(1'000'000, 'b'));
    EXPECT_EQ(client.connections(), 1u);
  });
}

TEST_F(ClientTest, FullHttp2ConnectionsGetCompany) {
  TestServer server(handler_);
  const Origin origin = OriginOf(server.port(), Protocol::kHttp2);
  ClientOptions options;
  options.max_streams_per_connection = 10;
  Run(
      [&](Client& client) -> async::Task<void> {
        EXPECT_EQ(co_await Burst(client, origin, 25), 3u);
      },
      options);
}

TEST_F(ClientTest, IdleHttp2ConnectionsClose) {
  TestServer server(handler_);
  const Origin origin = OriginOf(server.port(), Protocol::kHttp2);
  ClientOptions options;
  options.idle_timeout = milliseconds(40);
  Run(
      [&](Client& client) -> async::Task<void> {
        EXPECT_EQ(co_await Fetch(client, origin, "/", "x"), "200 h2 http x");
        EXPECT_EQ(client.connections(), 1u);
        const async::Context context;
        for (int wait = 0; wait < 1000 && client.connections() != 0; ++wait) {
          co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(2)));
        }
        EXPECT_EQ(client.connections(), 0u);
        EXPECT_EQ(co_await Fetch(client, origin, "/", "x"), "200 h2 http x");
        client.Forget(origin);
        EXPECT_EQ(co_await Fetch(client, origin, "/", "y"), "200 h2 http y");
      },
      options);
}

TEST_F(ClientTest, AnHttp2PeerThatIsNotThereIsUnreachable) {
  auto unused = net::BindTcp("127.0.0.1", 0);
  const Origin origin = OriginOf(net::LocalPort(*unused), Protocol::kHttp2);
  unused->Close();
  Run([&](Client& client) -> async::Task<void> {
    for (int i = 0; i < 2; ++i) {
      const std::string answer = co_await Fetch(client, origin, "/");
      EXPECT_TRUE(answer.starts_with("error unreachable ")) << answer;
    }
  });
}

TEST_F(ClientTest, BothProtocolsOverTls) {
  net::testing::TestCa ca;
  net::TlsServerOptions server_options;
  server_options.identity = ca.Issue({.alternative = "DNS:app.example"});
  server_options.alpn = {"h2", "http/1.1"};
  auto server_tls = net::TlsContext::Server(std::move(server_options));
  ASSERT_TRUE(server_tls.has_value());
  TestServer server(handler_, {}, *server_tls);
  const auto origin_of = [&](Protocol protocol, std::string alpn) {
    net::TlsClientOptions options;
    options.ca_pem = ca.pem();
    if (!alpn.empty()) options.alpn = {alpn};
    auto tls = net::TlsContext::Client(std::move(options));
    EXPECT_TRUE(tls.has_value());
    Origin origin = OriginOf(server.port(), protocol);
    origin.tls = *tls;
    origin.server_name = "app.example";
    return origin;
  };
  const Origin http1 = origin_of(Protocol::kHttp1, "http/1.1");
  const Origin no_alpn = origin_of(Protocol::kHttp1, "");
  const Origin http2 = origin_of(Protocol::kHttp2, "h2");
  const Origin mismatch = origin_of(Protocol::kHttp2, "http/1.1");
  const std::string big(2'000'000, 't');
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Fetch(client, http1, "/", "x"), "200 h1 https x");
    EXPECT_EQ(co_await Fetch(client, no_alpn, "/", "x"), "200 h1 https x");
    EXPECT_EQ(co_await Fetch(client, http2, "/", "x"), "200 h2 https x");
    EXPECT_TRUE(co_await Fetch(client, http1, "/", big) == "200 h1 https " + big);
    EXPECT_TRUE(co_await Fetch(client, http2, "/", big) == "200 h2 https " + big);
    EXPECT_EQ(client.connections(), 3u);
    const std::string refused = co_await Fetch(client, mismatch, "/", "x");
    EXPECT_TRUE(refused.starts_with("error protocol")) << refused;
  });
}

}  // namespace
}  // namespace http
