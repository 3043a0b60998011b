// Logging in, TLS, and publishing from several loops, with real brokers.
#include "components/rabbitmq/client.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "components/rabbitmq/test_broker.hpp"
#include "components/rabbitmq/test_client.hpp"
#include "net/test_certs.hpp"

namespace components::rabbitmq {
namespace {

using testing::SharedBroker;
using testing::TestBroker;
using testing::TestClient;

Settings To(const std::string& uri) {
  auto settings = ParseUri(uri);
  EXPECT_TRUE(settings) << settings.error().message;
  return *settings;
}
bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LogIn, WithAName) {
  Settings settings = To(SharedBroker().uri());
  settings.client_name = "the name of it";
  settings.heartbeat = std::chrono::seconds(7);
  TestClient client(settings);
  EXPECT_EQ(client.Ping(), "ok");
  const std::string connections =
      SharedBroker().Ctl("list_connections user vhost timeout client_properties");
  EXPECT_TRUE(Has(connections, "the name of it")) << connections;
  EXPECT_TRUE(Has(connections, "guest\t/\t7\t")) << connections;
}

TEST(LogIn, Refused) {
  const std::string address = SharedBroker().address();
  TestClient password(To("amqp://guest:wrong-secret@" + address));
  const std::string refused = password.Ping();
  EXPECT_TRUE(refused.starts_with("unauthenticated: rabbitmq at " + address)) << refused;
  EXPECT_TRUE(Has(refused, "ACCESS_REFUSED")) << refused;
  EXPECT_FALSE(Has(refused, "wrong-secret")) << refused;
  TestClient vhost(To("amqp://guest:guest@" + address + "/nowhere"));
  const std::string nowhere = vhost.Ping();
  EXPECT_TRUE(nowhere.starts_with("invalid")) << nowhere;
  EXPECT_TRUE(Has(nowhere, "check the vhost \"nowhere\"")) << nowhere;
  SharedBroker().Ctl("add_vhost other");
  TestClient rights(To("amqp://guest:guest@" + address + "/other"));
  EXPECT_TRUE(Has(rights.Ping(), "rights")) << rights.Ping();
  SharedBroker().Ctl("set_permissions -p other guest .\\* .\\* .\\*");
  EXPECT_EQ(rights.Ping(), "ok");
}

TEST(LogIn, NobodyThere) {
  TestClient refused(To("amqp://127.0.0.1:" + std::to_string(testing::FreePort())));
  EXPECT_TRUE(refused.Ping().starts_with("unreachable: rabbitmq at 127.0.0.1:")) << refused.Ping();
  TestClient nowhere(To("amqp://no-such-host.invalid"));
  EXPECT_TRUE(Has(nowhere.Ping(), "no-such-host.invalid"));
}

// One broker: it asks for certificates, and takes the user from them where that is wanted.
TEST(LogIn, Tls) {
  const net::testing::TestCa ca;
  const net::TlsIdentity server = ca.Issue({"server", "DNS:localhost,IP:127.0.0.1"});
  const net::TlsIdentity user = ca.Issue({"guest", ""});
  char name[] = "/tmp/rabbitmq-tls-XXXXXX";
  const std::string folder = mkdtemp(name);
  std::ofstream(folder + "/ca.pem") << ca.pem();
  std::ofstream(folder + "/server.pem") << server.certificate_chain_pem;
  std::ofstream(folder + "/server.key") << server.private_key_pem;
  const int port = testing::FreePort();
  const TestBroker broker("listeners.ssl.1 = 127.0.0.1:" + std::to_string(port) +
                              "\nssl_options.cacertfile = " + folder +
                              "/ca.pem\nssl_options.certfile = " + folder +
                              "/server.pem\nssl_options.keyfile = " + folder +
                              "/server.key\nssl_options.verify = verify_peer\n"
                              "ssl_options.fail_if_no_peer_cert = false\n"
                              "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\n"
                              "ssl_cert_login_from = common_name\n",
                          "[rabbitmq_auth_mechanism_ssl].");
  Settings settings = To("amqps://guest:guest@127.0.0.1:" + std::to_string(port));
  TestClient stranger(settings);
  EXPECT_TRUE(stranger.Ping().starts_with("unauthenticated: ")) << stranger.Ping();
  settings.ca_pem = ca.pem();
  TestClient plain(settings);
  EXPECT_EQ(plain.Ping(), "ok");
  EXPECT_EQ(plain.Publish("secure", std::string(300'000, 'x')), "ok");
  settings.external = true;
  settings.certificate_pem = user.certificate_chain_pem;
  settings.key_pem = user.private_key_pem;
  settings.username = settings.password = "not used";
  TestClient external(settings);
  EXPECT_EQ(external.Ping(), "ok");
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  Settings mechanism = To(SharedBroker().uri());
  mechanism.external = true;
  TestClient unoffered(mechanism);
  EXPECT_TRUE(Has(unoffered.Ping(), "does not offer the log-in EXTERNAL")) << unoffered.Ping();
}

TEST(Publishing, FromSeveralLoops) {
  for (const bool confirms : {true, false}) {
    TestClient client(To(SharedBroker().uri()), confirms, 3);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int loop = 0; loop < 3; ++loop) {
      threads.emplace_back([&, loop] {
        for (int i = 0; i < 50; ++i) good += client.Publish("several", "x", loop) == "ok" ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 150);
  }
}

TEST(Publishing, MoreExchangesThanChannelsAreKept) {
  TestClient client(To(SharedBroker().uri()));
  for (int i = 0; i < 140; ++i) {
    ASSERT_EQ(client.Publish("many-" + std::to_string(i), "x"), "ok") << i;
  }
  EXPECT_EQ(client.Publish("many-0", "x"), "ok");
  client.On(0, [&]() -> async::Task<void> {
    EXPECT_EQ(client->publisher().channels(), 128U);
    co_return;
  });
}

// A refusal closes the channel of its topic, and fails nothing of another.
TEST(Publishing, RefusalsStayAlone) {
  TestClient client(To(SharedBroker().uri()));
  EXPECT_EQ(client.Publish("good", "x"), "ok");
  const std::string refused = client.Publish("amq.reserved", "x");
  EXPECT_TRUE(Has(refused, "ACCESS_REFUSED")) << refused;
  EXPECT_TRUE(client.Publish(std::string(256, 'x'), "x").starts_with("invalid"));
  EXPECT_EQ(client.Publish("good", "x"), "ok");
  EXPECT_EQ(client.Publish("", "to the default exchange"), "ok");
}

}  // namespace
}  // namespace components::rabbitmq
