// TLS contexts and handshakes that the tests of TLS share.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "net/test_certs.hpp"
#include "net/test_streams.hpp"
#include "net/tls.hpp"

namespace net::testing {

using Tls = std::shared_ptr<const TlsContext>;

inline const TestCa& Ca() {
  static const TestCa kCa;
  return kCa;
}

inline TlsServerOptions ServerOptions() {
  TlsServerOptions out;
  out.identity =
      Ca().Issue({.alternative = "DNS:app.example,IP:127.0.0.1,URI:spiffe://td/ns/x/app"});
  out.alpn = {"h2", "http/1.1"};
  return out;
}
inline TlsClientOptions ClientOptions() {
  TlsClientOptions out;
  out.ca_pem = Ca().pem();
  out.alpn = {"h2"};
  return out;
}
inline Tls Server(TlsServerOptions options = ServerOptions()) {
  auto tls = TlsContext::Server(std::move(options));
  EXPECT_TRUE(tls) << tls.error().message;
  return *tls;
}
inline Tls Client(TlsClientOptions options = ClientOptions()) {
  auto tls = TlsContext::Client(std::move(options));
  EXPECT_TRUE(tls) << tls.error().message;
  return *tls;
}

struct Outcome {
  Pair pair;
  base::Status client;
  base::Status server;
};

// Connects and lets both sides shake hands.
inline async::Task<Outcome> Shake(Tls server, Tls client, std::string name = "app.example") {
  const async::Context context = Soon();
  Outcome out{co_await ConnectTcp(), {}, {}};
  async::Gate gate;
  async::Event server_done;
  gate.Spawn(Store(out.pair.server->AcceptTls(context, server), out.server, server_done));
  out.client = co_await out.pair.client->ConnectTls(context, client, name);
  if (!out.client) out.pair.client->ShutdownWrite();
  EXPECT_EQ(co_await server_done.Wait(context), async::Wake::kReady);
  EXPECT_TRUE(co_await gate.Close(context));
  co_return std::move(out);
}

}  // namespace net::testing
