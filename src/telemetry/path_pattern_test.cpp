#include "telemetry/path_pattern.hpp"

#include <gtest/gtest.h>

namespace telemetry {
namespace {

TEST(PathPatterns, MostSpecificWins) {
  const auto patterns = PathPatterns::Create(
      {"/", "/v1/", "/v1/orders/{orderID}", "/v1/orders/{orderID}/items/{itemID}",
       "/v1/orders/{orderID}/items/12345", "/v1/items/{$}", "/files/{path...}", "/a/{x}/c"});
  ASSERT_TRUE(patterns) << patterns.error().message;
  const struct {
    std::string_view path;
    std::string_view match;
  } kCases[] = {
      {"/", "/"},
      {"/other/thing", "/"},
      {"/v1", "/"},
      {"/v1/", "/v1/"},
      {"/v1/basket", "/v1/"},
      {"/v1/orders/7", "/v1/orders/{orderID}"},
      {"/v1/orders/", "/v1/"},
      {"/v1/orders/7/", "/v1/"},
      {"/v1/orders/7/items/8", "/v1/orders/{orderID}/items/{itemID}"},
      {"/v1/orders/7/items/12345", "/v1/orders/{orderID}/items/12345"},
      {"/v1/items/", "/v1/items/{$}"},
      {"/v1/items/x", "/v1/"},
      {"/files/", "/files/{path...}"},
      {"/files/a/b/c", "/files/{path...}"},
      {"/files", "/"},
      {"/a/b/c", "/a/{x}/c"},
      {"/a//c", "/"},
  };
  for (const auto& c : kCases) EXPECT_EQ(patterns->Match(c.path), c.match) << c.path;
}

TEST(PathPatterns, NoMatch) {
  const auto patterns = PathPatterns::Create({"/a/{x}"});
  ASSERT_TRUE(patterns);
  EXPECT_FALSE(patterns->Match("/"));
  EXPECT_FALSE(patterns->Match("/a/b/c"));
  EXPECT_FALSE(patterns->Match("a/b"));
  EXPECT_FALSE(patterns->Match(""));
}

TEST(PathPatterns, SameTwiceIsOne) {
  const auto patterns = PathPatterns::Create({"/a/{x}", "/a/{x}"});
  ASSERT_TRUE(patterns);
  EXPECT_EQ(patterns->Match("/a/1"), "/a/{x}");
}

TEST(PathPatterns, Refused) {
  const struct {
    std::vector<std::string> patterns;
    std::string_view says;
  } kCases[] = {
      {{""}, "begin with a slash"},
      {{"GET /a"}, "begin with a slash"},
      {{"example.com/a"}, "begin with a slash"},
      {{"/a{b}"}, "middle of a segment"},
      {{"/{a}b"}, "middle of a segment"},
      {{"/{}"}, "proper name"},
      {{"/{1}"}, "proper name"},
      {{"/{a-b}"}, "proper name"},
      {{"/{a}/{a}"}, "twice"},
      {{"/{a...}/b"}, "before its end"},
      {{"/{$}/b"}, "before its end"},
      {{"/a/{x}", "/a/{y}"}, "conflicts"},
      {{"/{a}/b", "/a/{b}"}, "conflicts"},
      {{"/a/{x}/", "/a/b/{y}/c", "/a/{z}/d"}, ""},
      {{"/{x}/b/", "/a/{y...}"}, "conflicts"},
  };
  for (const auto& c : kCases) {
    const auto result = PathPatterns::Create(c.patterns);
    if (c.says.empty()) {
      EXPECT_TRUE(result) << result.error().message;
      continue;
    }
    ASSERT_FALSE(result) << c.patterns.back();
    EXPECT_NE(result.error().message.find(c.says), std::string::npos) << result.error().message;
    EXPECT_NE(result.error().message.find("'" + c.patterns.back() + "'"), std::string::npos);
  }
}

}  // namespace
}  // namespace telemetry
