#include "telemetry/label_rules.hpp"

#include <gtest/gtest.h>

namespace telemetry {
namespace {

std::string ApplyOne(const std::string& replacement, const std::string& pattern,
                     const std::string& value) {
  const auto rules =
      LabelRules::Create({{"dapr_http_server_latency", {{"path", {{replacement, pattern}}}}}});
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? (*rules)->Apply("dapr_http_server_latency", "path", value) : "";
}

TEST(LabelRules, Replacements) {
  EXPECT_EQ(ApplyOne("/orders/{id}", "/orders/[0-9]+", "/orders/12"), "/orders/{id}");
  EXPECT_EQ(ApplyOne("x", "a", "banana"), "bxnxnx");
  EXPECT_EQ(ApplyOne("$2/$1", "(a)(b)", "ab"), "b/a");
  EXPECT_EQ(ApplyOne("${1}x", "(a)", "a"), "ax");
  EXPECT_EQ(ApplyOne("$1x", "(a)", "a"), "");  // Go reads the name 1x
  EXPECT_EQ(ApplyOne("$who!", "(?P<who>a+)", "aa"), "aa!");
  EXPECT_EQ(ApplyOne("$$1", "a", "a"), "$1");
  EXPECT_EQ(ApplyOne("$", "a", "a"), "$");
  EXPECT_EQ(ApplyOne("${", "a", "a"), "${");
  EXPECT_EQ(ApplyOne("\\1", "(a)", "a"), "\\1");
  EXPECT_EQ(ApplyOne("$7", "(a)", "a"), "");
  EXPECT_EQ(ApplyOne("x", "nothing", "a"), "a");
}

TEST(LabelRules, OnlyItsFamilyAndLabel) {
  const auto rules = LabelRules::Create({{"http_server_request_count", {{"path", {{"x", ".+"}}}}}});
  ASSERT_TRUE(rules);
  EXPECT_EQ((*rules)->Apply("dapr_http_server_request_count", "path", "/a"), "x");
  EXPECT_EQ((*rules)->Apply("dapr_http_server_request_count", "method", "GET"), "GET");
  EXPECT_EQ((*rules)->Apply("dapr_http_server_latency", "path", "/a"), "/a");
}

TEST(LabelRules, BadPatternNamesItsPlace) {
  const auto rules = LabelRules::Create({{"dapr_x", {{"path", {{"x", "("}}}}}});
  ASSERT_FALSE(rules);
  EXPECT_NE(rules.error().message.find("rule 'dapr_x', label 'path': pattern '('"),
            std::string::npos)
      << rules.error().message;
}

}  // namespace
}  // namespace telemetry
