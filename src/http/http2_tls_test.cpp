// HTTP/2 over TLS: what ALPN chooses, and handshakes that do not come.
#include <atomic>
#include <set>

#include "base/strings.hpp"
#include "http/client.hpp"
#include "http/http1_test_util.hpp"
#include "net/test_tls.hpp"

namespace http {
namespace {

using http1_test::FunctionHandler;
using http1_test::milliseconds;
using http1_test::RawClient;
using http1_test::TestServer;

net::testing::Tls ClientTls(std::vector<std::string> alpn) {
  net::TlsClientOptions options = net::testing::ClientOptions();
  options.alpn = std::move(alpn);
  return net::testing::Client(std::move(options));
}
Origin OriginOf(const TestServer& server, std::vector<std::string> alpn) {
  Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", server.port());
  origin.protocol = Protocol::kHttp2;
  origin.tls = ClientTls(std::move(alpn));
  origin.server_name = "app.example";
  return origin;
}
async::Task<std::string> Fetch(Client& client, const Origin& origin) {
  const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
  RequestHead head;
  head.authority = "app";
  auto response = co_await client.Send(context, origin, std::move(head), nullptr);
  if (!response) co_return base::StrCat("error ", base::KindName(response.error().kind));
  auto all = co_await ReadAll(*response->body, context, 1000);
  co_return all ? *all : "body error";
}
async::Task<void> FetchOnce(const Origin& origin, std::string& answer) {
  auto client = MakeClient(*async::Loop::Current());
  answer = co_await Fetch(*client, origin);
  co_await client->Close(async::Context(async::Loop::Current()->After(milliseconds(1000))));
}
std::string Answer(const Origin& origin) {
  std::string answer;
  net::testing::RunOnLoop([&] { return FetchOnce(origin, answer); });
  return answer;
}

class Http2Tls : public testing::Test {
 protected:
  Http2Tls() {
    handler_.try_handle = [](Exchange& exchange) {
      const ConnectionInfo& info = exchange.connection();
      const bool http2 = exchange.request().protocol == Protocol::kHttp2;
      exchange.Respond({}, base::StrCat(http2 ? "h2" : "h1", " ", exchange.request().scheme,
                                        " alpn=", info.tls ? info.tls_peer.alpn : "(plain)"));
      return true;
    };
  }
  FunctionHandler handler_;
};

TEST_F(Http2Tls, AlpnChoosesTheProtocol) {
  TestServer server(handler_, {}, net::testing::Server());
  EXPECT_EQ(Answer(OriginOf(server, {"h2"})), "h2 https alpn=h2");
  EXPECT_EQ(Answer(OriginOf(server, {"h2", "http/1.1"})), "h2 https alpn=h2");
  EXPECT_EQ(Answer(OriginOf(server, {"http/1.1"})), "error protocol error");
  Origin http1 = OriginOf(server, {"http/1.1"});
  http1.protocol = Protocol::kHttp1;
  EXPECT_EQ(Answer(http1), "h1 https alpn=http/1.1");
}

TEST_F(Http2Tls, APortForHttp2NeedsNoAlpn) {
  ServerOptions options;
  options.allow_http1 = false;
  TestServer server(handler_, options, net::testing::Server());
  EXPECT_EQ(Answer(OriginOf(server, {})), "h2 https alpn=");
}

TEST_F(Http2Tls, AHandshakeThatDoesNotComeEndsTheConnection) {
  ServerOptions options;
  options.header_timeout = milliseconds(60);
  TestServer server(handler_, options, net::testing::Server());
  RawClient silent(server.port());
  RawClient partial(server.port());
  partial.Send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  silent.ReadToEnd();
  EXPECT_TRUE(silent.ended());
  partial.ReadToEnd();
  EXPECT_TRUE(partial.ended());
  EXPECT_EQ(Answer(OriginOf(server, {"h2"})), "h2 https alpn=h2") << "others are served";
}

// Gives a context that the test may replace, and counts how often it is asked for.
class CountingSource final : public net::TlsSource {
 public:
  explicit CountingSource(net::testing::Tls tls) : tls(std::move(tls)) {}
  base::Result<std::shared_ptr<const net::TlsContext>> Current() const override {
    ++asked;
    if (refused) return base::Fail(base::Kind::kUnauthenticated, "no identity");
    return tls;
  }
  net::testing::Tls tls;
  mutable int asked = 0;
  bool refused = false;
};

async::Task<void> MoveOver(TestServer& server, std::shared_ptr<CountingSource> source,
                           std::atomic<int>& connections) {
  const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
  auto client = MakeClient(*async::Loop::Current());
  Origin origin = OriginOf(server, {"h2"});
  origin.tls = nullptr;
  origin.tls_source = source;
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  client->RenewTls([](const Origin&) { return true; });
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  EXPECT_EQ(connections, 1) << "made with what is current";
  source->tls = ClientTls({"h2"});
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  client->RenewTls([&](const Origin& other) { return other.tls_source == nullptr; });
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  EXPECT_EQ(connections, 1);
  client->RenewTls([&](const Origin& other) { return other.tls_source == source; });
  EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
  EXPECT_EQ(connections, 2) << "a new connection";

  // The server's side of the same. What is asked for meanwhile goes to a new connection.
  async::Event renewed;
  async::Loop& own = *async::Loop::Current();
  server.loops().at(0).Post([&] {
    server.server().RenewTls([](const void* tag) { return tag == nullptr; });
    own.Post([&] { renewed.Set(); });
  });
  EXPECT_EQ(co_await renewed.Wait(context), async::Wake::kReady);
  while (connections == 2 && async::Loop::Current()->now() < context.deadline) {
    EXPECT_EQ(co_await Fetch(*client, origin), "h2 https alpn=h2");
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(5)));
  }
  EXPECT_EQ(connections, 3);

  source->refused = true;
  client->RenewTls([](const Origin&) { return true; });
  EXPECT_EQ(co_await Fetch(*client, origin), "error unauthenticated");
  co_await client->Close(context);
}

TEST_F(Http2Tls, ConnectionsMoveOverWithoutAFailedCall) {
  // How many connections requests have come on.
  std::atomic<int> connections{0};
  std::set<std::string> seen;
  handler_.try_handle = [&](Exchange& exchange) {
    seen.insert(exchange.connection().peer.ToString());
    connections = static_cast<int>(seen.size());
    exchange.Respond({}, "h2 https alpn=h2");
    return true;
  };
  TestServer server(handler_, {}, net::testing::Server());
  auto source = std::make_shared<CountingSource>(ClientTls({"h2"}));
  net::testing::RunOnLoop([&] { return MoveOver(server, source, connections); });
}

TEST_F(Http2Tls, FailedHandshakesAreTold) {
  std::atomic<int> told{0};
  ServerOptions options;
  options.on_tls_failure = [&](const net::Address& peer, const base::Error& error, const void*) {
    EXPECT_EQ(peer.ip(), "127.0.0.1");
    EXPECT_NE(error.message.find("does not look like a TLS handshake"), std::string::npos);
    ++told;
  };
  TestServer server(handler_, options, net::testing::Server());
  RawClient plain(server.port());
  plain.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  plain.ReadToEnd();
  EXPECT_EQ(told, 1);
}

TEST_F(Http2Tls, PlaintextOnATlsPortIsCut) {
  TestServer server(handler_, {}, net::testing::Server());
  RawClient plain(server.port());
  plain.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(plain.ReadToEnd().find("HTTP"), std::string::npos);
  EXPECT_TRUE(plain.ended());
}

async::Task<void> AskForUpgrade(uint16_t port, std::string& answer) {
  const async::Context context = net::testing::Soon();
  auto stream = co_await net::Dial(context, *net::Address::FromIp("127.0.0.1", port));
  EXPECT_TRUE(stream.has_value());
  if (!stream) co_return;
  EXPECT_TRUE(co_await (*stream)->ConnectTls(context, ClientTls({"http/1.1"}), "app.example"));
  co_await net::testing::WriteAll(
      **stream, context,
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n");
  answer = co_await net::testing::ReadUpTo(**stream, context, 12);
}

TEST_F(Http2Tls, UpgradeIsForPlaintextOnly) {
  TestServer server(handler_, {}, net::testing::Server());
  std::string answer;
  net::testing::RunOnLoop([&] { return AskForUpgrade(server.port(), answer); });
  EXPECT_EQ(answer, "HTTP/1.1 200");
}

}  // namespace
}  // namespace http
