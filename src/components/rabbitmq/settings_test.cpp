#include "components/rabbitmq/settings.hpp"

#include <gtest/gtest.h>

namespace components::rabbitmq {
namespace {

using Entries = std::vector<config::Properties::Entry>;

base::Result<Settings> Read(Entries entries) {
  return ReadSettings(config::Properties("mq", std::move(entries)));
}

TEST(Settings, Uris) {
  struct Case {
    const char* uri;
    const char* host;
    int port;
    const char* user;
    const char* password;
    const char* vhost;
    bool tls;
  };
  for (const Case& c : {
           Case{"amqp://", "localhost", 5672, "guest", "guest", "/", false},
           {"amqp://h", "h", 5672, "guest", "guest", "/", false},
           {"AMQP://h:1/", "h", 1, "guest", "guest", "/", false},
           {"amqps://h", "h", 5671, "guest", "guest", "/", true},
           {"amqp://u:p@h/v", "h", 5672, "u", "p", "v", false},
           {"amqp://u%40x:p%2F%3A@h:7/%2Fv%2f", "h", 7, "u@x", "p/:", "/v/", false},
           {"amqp://u@h/%2F", "h", 5672, "u", "", "/", false},
           {"amqp://u:p@[::1]:9/a/b?heartbeat=3", "::1", 9, "u", "p", "a/b", false},
           {"amqp://u:p@@h", "h", 5672, "u", "p@", "/", false},
       }) {
    const auto settings = ParseUri(c.uri);
    ASSERT_TRUE(settings) << c.uri << ": " << settings.error().message;
    EXPECT_EQ(settings->host, c.host) << c.uri;
    EXPECT_EQ(settings->port, c.port) << c.uri;
    EXPECT_EQ(settings->username, c.user) << c.uri;
    EXPECT_EQ(settings->password, c.password) << c.uri;
    EXPECT_EQ(settings->vhost, c.vhost) << c.uri;
    EXPECT_EQ(settings->tls, c.tls) << c.uri;
  }
  for (const char* uri : {"", "h:1", "http://h", "amqp://h:0", "amqp://h:x", "amqp://h:70000",
                          "amqp://[::1", "amqp://u:%zz@h", "amqp://h/%1"}) {
    EXPECT_FALSE(ParseUri(uri)) << uri;
  }
}

TEST(Settings, FieldsInPlaceOfAUri) {
  auto settings = Read({{"hostname", "mq:7"}, {"username", "u"}, {"password", "p"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->Server(), "mq:7");
  EXPECT_EQ(settings->username, "u");
  EXPECT_EQ(settings->password, "p");
  EXPECT_FALSE(settings->tls);
  settings = Read({{"hostname", "mq"}, {"protocol", "amqps"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->Server(), "mq:5671");
  EXPECT_EQ(settings->username, "guest");
  settings = Read({{"host", "amqp://a:b@old/v"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->host, "old");
}

TEST(Settings, ErrorsNameTheFieldAndNoSecret) {
  struct Case {
    Entries entries;
    const char* names;
  };
  for (const Case& c : {
           Case{{}, "connectionString"},
           {{{"connectionString", "tcp://u:secret@h"}}, "connectionString"},
           {{{"hostname", "h"}, {"protocol", "http"}}, "protocol"},
           {{{"hostname", "h:x"}}, "hostname"},
           {{{"connectionString", "amqps://h"}, {"clientCert", "x"}}, "clientKey"},
           {{{"connectionString", "amqps://h"}, {"clientKey", "secret"}}, "clientCert"},
           {{{"connectionString", "amqp://h"}, {"saslExternal", "true"}}, "saslExternal"},
       }) {
    const auto settings = Read(c.entries);
    ASSERT_FALSE(settings) << c.names;
    EXPECT_EQ(settings.error().kind, base::Kind::kInvalidArgument);
    EXPECT_NE(settings.error().message.find(c.names), std::string::npos)
        << settings.error().message;
    EXPECT_NE(settings.error().message.find("component mq"), std::string::npos);
    EXPECT_EQ(settings.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace components::rabbitmq
