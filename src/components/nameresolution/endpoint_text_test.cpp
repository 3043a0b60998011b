#include "components/nameresolution/endpoint_text.hpp"

#include <gtest/gtest.h>

namespace components::nameresolution {
namespace {

using contracts::Endpoint;

TEST(EndpointText, Reads) {
  const std::pair<const char*, Endpoint> cases[] = {
      {"10.0.0.1:50002", {"10.0.0.1", 50002}},
      {"host.example:1", {"host.example", 1}},
      {"[fd00::2]:65535", {"fd00::2", 65535}},
      {"[fd00::2]", {"fd00::2", 7}},
      {"fd00::2", {"fd00::2", 7}},
      {"host", {"host", 7}},
  };
  for (const auto& [text, endpoint] : cases) {
    const auto parsed = ParseEndpoint(text, 7);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, endpoint) << text;
  }
}

TEST(EndpointText, Refuses) {
  for (const char* text : {"", ":", ":80", "host:", "host:0", "host:65536", "host:-1", "host:8o",
                           "[::1", "[::1]80", "[]:80", "a b:80", "host/path:80", "a@b:80"}) {
    EXPECT_FALSE(ParseEndpoint(text, 7)) << text;
  }
}

TEST(EndpointText, WritesWhatItReads) {
  EXPECT_EQ(EndpointText("10.0.0.1", 80), "10.0.0.1:80");
  EXPECT_EQ(EndpointText("fd00::2", 80), "[fd00::2]:80");
  EXPECT_EQ(ParseEndpoint(EndpointText("fd00::2", 80), 1).value(), (Endpoint{"fd00::2", 80}));
}

TEST(EndpointText, AppIdsCannotChangeANamesMeaning) {
  for (const char* id : {"app", "my-app_2", "App.ns"}) EXPECT_TRUE(CheckAppId(id)) << id;
  for (const char* id : {"", "a:1", "a/b", "a@b", "a b", "[::1]", "a%", "\xc3\xa4"}) {
    EXPECT_FALSE(CheckAppId(id)) << id;
  }
}

}  // namespace
}  // namespace components::nameresolution
