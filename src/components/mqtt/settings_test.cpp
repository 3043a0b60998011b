#include "components/mqtt/settings.hpp"

#include <gtest/gtest.h>

#include "net/test_certs.hpp"

namespace components::mqtt {
namespace {

using Entries = std::vector<config::Properties::Entry>;

base::Result<Settings> Read(Entries entries) {
  return ReadSettings(config::Properties("broker", std::move(entries)), false);
}
Settings ReadUrl(const std::string& url) {
  auto settings = Read({{"url", url}});
  EXPECT_TRUE(settings) << url << ": " << settings.error().message;
  return settings ? *settings : Settings{};
}

TEST(MqttSettings, ReadsUrls) {
  EXPECT_EQ(ReadUrl("tcp://broker").Name(), "mqtt broker at broker:1883");
  EXPECT_EQ(ReadUrl("mqtt://broker:1234/ignored").Name(), "mqtt broker at broker:1234");
  EXPECT_EQ(ReadUrl("mqtts://broker").Name(), "mqtt broker at broker:8883");
  EXPECT_EQ(ReadUrl("SSL://[::1]:5").Name(), "mqtt broker at [::1]:5");
  EXPECT_TRUE(ReadUrl("tls://broker").tls);
  EXPECT_FALSE(ReadUrl("mqtt://broker").tls);
  const Settings user = ReadUrl("mqtt://me%40home:p@ss:w%3ard@broker");
  EXPECT_EQ(user.username, "me@home");
  EXPECT_EQ(user.password, "p@ss:w:rd");
  EXPECT_EQ(user.host, "broker");
  EXPECT_FALSE(user.clean_session);
}

TEST(MqttSettings, RefusesWithoutShowingThePassword) {
  for (const char* url : {"broker:1883", "ws://secret@broker", "mqtt://", "mqtt://me:secret@",
                          "mqtt://me:secret@broker:x", "mqtt://me:secret@broker:0",
                          "mqtt://me:secret@[::1", "mqtt://me:secret%zz@broker"}) {
    const auto settings = Read({{"url", url}});
    ASSERT_FALSE(settings) << url;
    EXPECT_EQ(settings.error().kind, base::Kind::kInvalidArgument);
    EXPECT_NE(settings.error().message.find("url"), std::string::npos) << settings.error().message;
    EXPECT_EQ(settings.error().message.find("secret"), std::string::npos)
        << settings.error().message;
  }
  EXPECT_FALSE(Read({}));
}

TEST(MqttSettings, TlsNeedsItsParts) {
  const net::testing::TestCa authority;
  const net::TlsIdentity identity = authority.Issue({});
  const auto expect = [](Entries entries, std::string_view field) {
    const auto settings = Read(std::move(entries));
    ASSERT_FALSE(settings) << field;
    EXPECT_NE(settings.error().message.find(field), std::string::npos) << settings.error().message;
  };
  expect({{"url", "mqtts://b"}, {"clientCert", identity.certificate_chain_pem}}, "clientKey");
  expect({{"url", "mqtts://b"}, {"clientKey", identity.private_key_pem}}, "clientCert");
  expect({{"url", "mqtts://b"}, {"caCert", "no PEM"}}, "caCert");
  EXPECT_TRUE(Read({{"url", "mqtt://b"}, {"caCert", authority.pem()}}));
  EXPECT_TRUE(Read({{"url", "mqtts://b"},
                    {"caCert", authority.pem()},
                    {"clientCert", identity.certificate_chain_pem},
                    {"clientKey", identity.private_key_pem}}));
}

}  // namespace
}  // namespace components::mqtt
