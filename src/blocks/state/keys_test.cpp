#include "blocks/state/keys.hpp"

#include <gtest/gtest.h>

#include "blocks/state/go_format.hpp"

namespace blocks::state {
namespace {

TEST(KeyPrefix, Strategies) {
  const auto add = [](std::string_view strategy, std::string_view app_namespace) {
    return KeyPrefix::Make(strategy, "store", "myApp", app_namespace)
        .value()
        .Add("k", "store")
        .value();
  };
  EXPECT_EQ(add("", "ns"), "myApp||k");
  EXPECT_EQ(add("appid", "ns"), "myApp||k");
  EXPECT_EQ(add("AppId", "ns"), "myApp||k");
  EXPECT_EQ(add("name", "ns"), "store||k");
  EXPECT_EQ(add("none", "ns"), "k");
  EXPECT_EQ(add("namespace", "ns"), "ns.myApp||k");
  EXPECT_EQ(add("namespace", ""), "myApp||k");
  EXPECT_EQ(add("MyPrefix", "ns"), "myprefix||k");
}

TEST(KeyPrefix, TheSeparatorIsNotAllowedInside) {
  const KeyPrefix prefix = KeyPrefix::Make("", "store", "app", "").value();
  for (const char* key : {"a||b", "||", "||a", "a|||"}) {
    const auto stored = prefix.Add(key, "store");
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().id, base::ErrorId::kStateInvalidKeyName);
    EXPECT_EQ(stored.error().message,
              "input key/keyPrefix '" + std::string(key) + "' can't contain '||'");
  }
  EXPECT_TRUE(prefix.Add("a|b|", "store").has_value());
  EXPECT_FALSE(KeyPrefix::Make("a||b", "store", "app", "").has_value());
}

TEST(KeyPrefix, Strip) {
  EXPECT_EQ(KeyPrefix::Strip("app||key"), "key");
  EXPECT_EQ(KeyPrefix::Strip("key"), "key");
  EXPECT_EQ(KeyPrefix::Strip("app||"), "");
}

TEST(FormatLikeGo, PrintsAsPercentV) {
  const std::pair<const char*, const char*> cases[] = {
      {"null", "<nil>"},
      {"true", "true"},
      {"\"a \\\"b\\\" \\u003c\\n\"", "a \"b\" <\n"},
      {"5", "5"},
      {"0.5", "0.5"},
      {"100000", "100000"},
      {"1000000", "1e+06"},
      {"123456789", "1.23456789e+08"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"-0", "-0"},
      {"1e+21", "1e+21"},
      {"[]", "[]"},
      {"{}", "map[]"},
      {"[1,\"a b\",null]", "[1 a b <nil>]"},
      {R"({"a":1,"b":"x","c":{"d":[true,{}]}})", "map[a:1 b:x c:map[d:[true map[]]]]"},
      {R"([[],[[]],{"a":[]}])", "[[] [[]] map[a:[]]]"}};
  for (const auto& [json, text] : cases) EXPECT_EQ(FormatLikeGo(json), text) << json;
}

}  // namespace
}  // namespace blocks::state
