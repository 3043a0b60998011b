#include "net/tls.hpp"

#include <openssl/ssl.h>

#include <fstream>

#include "net/spiffe_check.hpp"
#include "net/test_tls.hpp"

namespace net {
namespace {

using async::Task;
using async::Wake;
using std::chrono::milliseconds;
using testing::Ca;
using testing::Client;
using testing::ClientOptions;
using testing::ConnectTcp;
using testing::Outcome;
using testing::Pair;
using testing::ReadToEnd;
using testing::ReadUpTo;
using testing::RunOnLoop;
using testing::Server;
using testing::ServerOptions;
using testing::Shake;
using testing::Soon;
using testing::Store;
using testing::TestCa;
using testing::Tls;
using testing::WriteAll;

TEST(Tls, ShakesHandsAndCarriesBytes) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Outcome out = co_await Shake(Server(), Client());
    EXPECT_TRUE(out.client) << out.client.error().message;
    EXPECT_TRUE(out.server) << out.server.error().message;
    EXPECT_TRUE(out.pair.client->is_tls());
    EXPECT_EQ(out.pair.client->tls_peer().alpn, "h2");
    EXPECT_EQ(out.pair.server->tls_peer().alpn, "h2");
    EXPECT_EQ(out.pair.client->tls_peer().version, "TLSv1.3");
    EXPECT_EQ(out.pair.client->tls_peer().uri_san, "spiffe://td/ns/x/app");
    EXPECT_EQ(out.pair.server->tls_peer().uri_san, "");
    EXPECT_TRUE(co_await WriteAll(*out.pair.client, context, "ping"));
    EXPECT_EQ(co_await ReadUpTo(*out.pair.server, context, 4), "ping");
    EXPECT_TRUE(co_await WriteAll(*out.pair.server, context, "pong"));
    EXPECT_EQ(co_await ReadUpTo(*out.pair.client, context, 4), "pong");
  });
}

TEST(Tls, RefusesAnUnknownAuthority) {
  RunOnLoop([]() -> Task<void> {
    const TestCa other("other CA");
    TlsClientOptions options = ClientOptions();
    options.ca_pem = other.pem();
    const Outcome out = co_await Shake(Server(), Client(options));
    EXPECT_FALSE(out.client);
    EXPECT_EQ(out.client.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(out.client.error().message.find("127.0.0.1:"), std::string::npos);
    EXPECT_NE(out.client.error().message.find("issuer certificate"), std::string::npos)
        << out.client.error().message;
    EXPECT_EQ(out.server.error().kind, base::Kind::kUnauthenticated);
  });
}

TEST(Tls, RefusesAnotherNameUnlessTold) {
  RunOnLoop([]() -> Task<void> {
    Outcome out = co_await Shake(Server(), Client(), "evil.example");
    EXPECT_EQ(out.client.error().kind, base::Kind::kUnauthenticated);
    EXPECT_TRUE((co_await Shake(Server(), Client(), "127.0.0.1")).client);
    EXPECT_TRUE((co_await Shake(Server(), Client(), "")).client);  // the peer's IP
    TlsClientOptions any_name = ClientOptions();
    any_name.check_host_name = false;
    EXPECT_TRUE((co_await Shake(Server(), Client(any_name), "evil.example")).client);
    TlsClientOptions anybody;
    anybody.skip_verify = true;
    EXPECT_TRUE((co_await Shake(Server(), Client(anybody), "evil.example")).client);
  });
}

TEST(Tls, RefusesAnExpiredCertificate) {
  RunOnLoop([]() -> Task<void> {
    TlsServerOptions options = ServerOptions();
    options.identity = Ca().Issue({.alternative = "DNS:app.example"}, /*expired=*/true);
    const Outcome out = co_await Shake(Server(options), Client());
    EXPECT_EQ(out.client.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(out.client.error().message.find("expired"), std::string::npos);
  });
}

base::Status OnlyFriend(const TlsPeer& peer, bool chain_verified) {
  EXPECT_TRUE(chain_verified);
  if (peer.uri_san == "spiffe://td/ns/x/friend") return {};
  return base::Fail(base::Kind::kPermissionDenied, "id is not friend");
}

TEST(Tls, ClientCertificateIsRequiredAndChecked) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TlsServerOptions options = ServerOptions();
    options.client_ca_pem = Ca().pem();
    options.check_peer = OnlyFriend;
    const Tls server = Server(options);

    Outcome none = co_await Shake(server, Client());
    EXPECT_EQ(none.server.error().kind, base::Kind::kUnauthenticated);
    Io last{};
    co_await ReadToEnd(*none.pair.client, context, &last);
    EXPECT_EQ(last, Io::kError);  // TLS 1.3 tells the client after its handshake
    EXPECT_NE(none.pair.client->tls_fault().find("certificate required"), std::string::npos)
        << none.pair.client->tls_fault();

    TlsClientOptions stranger = ClientOptions();
    stranger.identity = Ca().Issue({.alternative = "URI:spiffe://td/ns/x/stranger"});
    const Outcome wrong = co_await Shake(server, Client(stranger));
    EXPECT_EQ(wrong.server.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(wrong.server.error().message.find("id is not friend"), std::string::npos);

    const TestCa other("other CA");
    TlsClientOptions forged = ClientOptions();
    forged.identity = other.Issue({.alternative = "URI:spiffe://td/ns/x/friend"});
    const Outcome fake = co_await Shake(server, Client(forged));
    EXPECT_EQ(fake.server.error().kind, base::Kind::kUnauthenticated);

    TlsClientOptions known = ClientOptions();
    known.identity = Ca().Issue({.alternative = "URI:spiffe://td/ns/x/friend"});
    const Tls client = Client(known);
    const Outcome out = co_await Shake(server, client);
    EXPECT_TRUE(out.server) << out.server.error().message;
    EXPECT_EQ(out.pair.server->tls_peer().uri_san, "spiffe://td/ns/x/friend");
  });
}

TEST(Tls, AProtocolCanBeRequired) {
  RunOnLoop([]() -> Task<void> {
    TlsServerOptions options = ServerOptions();
    options.require_alpn = true;
    TlsClientOptions silent = ClientOptions();
    silent.alpn.clear();
    const Outcome out = co_await Shake(Server(options), Client(silent));
    EXPECT_EQ(out.server.error().kind, base::Kind::kProtocol);
    EXPECT_NE(out.server.error().message.find("names no application protocol"), std::string::npos);

    TlsClientOptions picky = ClientOptions();
    picky.require_alpn = true;
    TlsServerOptions dumb = ServerOptions();
    dumb.alpn.clear();
    const Outcome other = co_await Shake(Server(dumb), Client(picky));
    EXPECT_EQ(other.client.error().kind, base::Kind::kProtocol);
  });
}

TEST(Tls, ContextsShareEverythingButTheCheckOfThePeer) {
  RunOnLoop([]() -> Task<void> {
    TlsClientOptions options = ClientOptions();
    options.check_host_name = false;
    const Tls any = Client(options);
    const Tls app = any->WithPeerCheck(ExpectSpiffePath("/ns/x/app"));
    const Tls other = any->WithPeerCheck(ExpectSpiffeId("spiffe://td/ns/x/other"));
    const Tls server = Server();
    EXPECT_TRUE((co_await Shake(server, any, "")).client);
    EXPECT_TRUE((co_await Shake(server, app, "")).client);
    const Outcome wrong = co_await Shake(server, other, "");
    EXPECT_EQ(wrong.client.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(wrong.client.error().message.find("unexpected SPIFFE ID: \"spiffe://td/ns/x/app\""),
              std::string::npos)
        << wrong.client.error().message;
  });
}

TEST(Tls, PlaintextIsNamedAsSuch) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    const base::Status status = co_await pair.server->AcceptTls(context, Server());
    EXPECT_EQ(status.error().kind, base::Kind::kProtocol);
    EXPECT_NE(status.error().message.find("does not look like a TLS handshake"), std::string::npos)
        << status.error().message;
  });
}

TEST(Tls, ClientChecksTheServersIdentity) {
  RunOnLoop([]() -> Task<void> {
    TlsClientOptions options = ClientOptions();
    options.check_host_name = false;
    options.check_peer = OnlyFriend;
    const Outcome out = co_await Shake(Server(), Client(options), "");
    EXPECT_EQ(out.client.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(out.client.error().message.find("id is not friend"), std::string::npos);
  });
}

TEST(Tls, AlpnFollowsTheServersOrderAndNeedsACommonProtocol) {
  RunOnLoop([]() -> Task<void> {
    TlsClientOptions options = ClientOptions();
    options.alpn = {"http/1.1", "h2"};
    EXPECT_EQ((co_await Shake(Server(), Client(options))).pair.server->tls_peer().alpn, "h2");
    options.alpn = {"http/1.1"};
    EXPECT_EQ((co_await Shake(Server(), Client(options))).pair.client->tls_peer().alpn, "http/1.1");
    options.alpn = {};
    const Outcome none = co_await Shake(Server(), Client(options));
    EXPECT_TRUE(none.client);
    EXPECT_EQ(none.pair.client->tls_peer().alpn, "");
    options.alpn = {"spdy/1"};
    const Outcome foreign = co_await Shake(Server(), Client(options));
    EXPECT_EQ(foreign.client.error().kind, base::Kind::kProtocol);
    EXPECT_EQ(foreign.server.error().kind, base::Kind::kProtocol);
  });
}

TEST(Tls, HandshakeEndsAtItsDeadlineAndOnGarbage) {
  RunOnLoop([]() -> Task<void> {
    Pair silent = co_await ConnectTcp();
    const async::Context brief(async::Loop::Current()->After(milliseconds(20)));
    const base::Status late = co_await silent.server->AcceptTls(brief, Server());
    EXPECT_EQ(late.error().kind, base::Kind::kTimeout);
    EXPECT_NE(late.error().message.find(silent.server->peer().ToString()), std::string::npos);
    EXPECT_EQ(silent.server->Write("x").status, Io::kError);  // never in the clear

    const async::Context context = Soon();
    Pair plain = co_await ConnectTcp();
    EXPECT_TRUE(co_await WriteAll(*plain.client, context, "GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ((co_await plain.server->AcceptTls(context, Server())).error().kind,
              base::Kind::kProtocol);

    Pair closed = co_await ConnectTcp();
    closed.client.reset();
    EXPECT_EQ((co_await closed.server->AcceptTls(context, Server())).error().kind,
              base::Kind::kUnavailable);
  });
}

TEST(Tls, AbortEndsAHandshake) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    async::Gate gate;
    async::Event done;
    base::Status status;
    gate.Spawn(Store(pair.server->AcceptTls(context, Server()), status, done));
    pair.server->Abort();
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_FALSE(status);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

// What a client that knows nothing newer than TLS 1.1 sends first.
std::string OldClientHello() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL* ssl = SSL_new(context);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string hello(data, static_cast<size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return hello;
}

TEST(Tls, RefusesTls11) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    const std::string hello = OldClientHello();
    EXPECT_FALSE(hello.empty());
    Pair pair = co_await ConnectTcp();
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, hello));
    const base::Status status = co_await pair.server->AcceptTls(context, Server());
    EXPECT_EQ(status.error().kind, base::Kind::kProtocol);
    EXPECT_NE(status.error().message.find("older than 1.2"), std::string::npos)
        << status.error().message;
  });
}

TEST(TlsContext, NamesTheBadInput) {
  const TlsIdentity good = Ca().Issue({});
  const TlsIdentity other = Ca().Issue({});
  const auto error = [](TlsIdentity identity, std::string client_ca = "") {
    TlsServerOptions options;
    options.identity = std::move(identity);
    options.client_ca_pem = std::move(client_ca);
    auto tls = TlsContext::Server(std::move(options));
    if (tls) return std::string("no error");
    EXPECT_EQ(tls.error().kind, base::Kind::kInvalidArgument);
    return tls.error().message;
  };
  EXPECT_EQ(error(good), "no error");
  EXPECT_TRUE(error({"", ""}).starts_with("TLS certificate: block 1"));
  EXPECT_TRUE(error({"rubbish", good.private_key_pem}).starts_with("TLS certificate: block 1"));
  EXPECT_TRUE(error({good.certificate_chain_pem +
                         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                     good.private_key_pem})
                  .starts_with("TLS certificate: block 2"));
  EXPECT_TRUE(error({good.certificate_chain_pem, "rubbish"}).starts_with("TLS private key: not"));
  EXPECT_EQ(error({good.certificate_chain_pem, other.private_key_pem}),
            "TLS private key: does not belong to the certificate");
  EXPECT_TRUE(error(good, "rubbish").starts_with("TLS client authorities: block 1"));
  TlsClientOptions client;
  client.ca_pem = "rubbish";
  EXPECT_TRUE(TlsContext::Client(client).error().message.starts_with("TLS authorities"));
}

TEST(TlsContext, LoadsFilesAndNamesTheMissingOne) {
  const TlsIdentity identity = Ca().Issue({});
  const std::string base = ::testing::TempDir() + "net_tls_" + std::to_string(getpid());
  std::ofstream(base + ".crt") << identity.certificate_chain_pem;
  const auto missing = LoadTlsIdentity(base + ".crt", base + ".key");
  EXPECT_EQ(missing.error().kind, base::Kind::kNotFound);
  EXPECT_NE(missing.error().message.find(base + ".key"), std::string::npos);
  std::ofstream(base + ".key") << identity.private_key_pem;
  EXPECT_EQ(LoadTlsIdentity(base + ".crt", base + ".key")->private_key_pem,
            identity.private_key_pem);
  unlink((base + ".crt").c_str());
  unlink((base + ".key").c_str());
}

}  // namespace
}  // namespace net
