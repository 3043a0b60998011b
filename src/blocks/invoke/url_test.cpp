#include <gtest/gtest.h>

#include "blocks/invoke/endpoint_call.hpp"
#include "blocks/invoke/invoke_block.hpp"

namespace blocks::invoke {
namespace {

TEST(ParseUrl, Forms) {
  const auto plain = ParseUrl("http://example.com");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->https);
  EXPECT_EQ(plain->host, "example.com");
  EXPECT_EQ(plain->port, 80);
  EXPECT_EQ(plain->path, "");
  const auto full = ParseUrl("https://[::1]:8443/base/path//");
  ASSERT_TRUE(full);
  EXPECT_TRUE(full->https);
  EXPECT_EQ(full->host, "::1");
  EXPECT_EQ(full->port, 8443);
  EXPECT_EQ(full->authority, "[::1]:8443");
  EXPECT_EQ(full->path, "/base/path");
}

TEST(ParseUrl, Bad) {
  for (const std::string_view text :
       {"", "example.com", "ftp://x", "http://", "http:///x", "http://x:0", "http://x:99999",
        "http://x:", "http://a b", "http://u@x", "http://[::1", "http://x/?q", "http://:80"}) {
    EXPECT_FALSE(ParseUrl(text)) << text;
  }
}

TEST(ParseAppName, Forms) {
  EXPECT_EQ(ParseAppName("app", "ns")->app_id, "app");
  EXPECT_EQ(ParseAppName("app", "ns")->app_namespace, "ns");
  EXPECT_EQ(ParseAppName("app.other", "ns")->app_namespace, "other");
  const auto bad = ParseAppName("a.b.c", "ns");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "invalid app id a.b.c");
  EXPECT_FALSE(ParseAppName("", "ns"));
}

}  // namespace
}  // namespace blocks::invoke
