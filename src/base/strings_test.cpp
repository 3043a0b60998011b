#include "base/strings.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/constant_time.hpp"
#include "base/random.hpp"
#include "base/utf8.hpp"
#include "base/uuid.hpp"

namespace base {
namespace {

TEST(Strings, TrimsAndFolds) {
  EXPECT_EQ(Trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
  EXPECT_TRUE(EqualsIgnoreCase("Content-TYPE", "content-type"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_TRUE(StartsWithIgnoreCase("Dapr-App-Id", "dapr-"));
  EXPECT_FALSE(StartsWithIgnoreCase("da", "dapr"));
  EXPECT_EQ(ToLower("AbC-\xc3\x84"), "abc-\xc3\x84");
  EXPECT_EQ(ToUpper("a_b"), "A_B");
}

TEST(Strings, SplitsAndJoins) {
  using V = std::vector<std::string>;
  EXPECT_EQ(Split("a,,b", ','), (V{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), (V{""}));
  EXPECT_EQ(SplitTrimmed(" a, ,b ,", ','), (V{"a", "b"}));
  EXPECT_EQ(SplitView("a/b", '/').at(1), "b");
  EXPECT_EQ(Join(V{"a", "b"}, ", "), "a, b");
  EXPECT_EQ(Join(V{}, ", "), "");
}

TEST(Strings, Concatenates) {
  const std::string text = "x";
  EXPECT_EQ(
      StrCat(text, 'c', -3, uint64_t{18446744073709551615u}, true, 1.5, std::string_view("v")),
      "xc-318446744073709551615true1.5v");
  std::string out = "a";
  StrAppend(out, 1, "b");
  EXPECT_EQ(out, "a1b");
  EXPECT_EQ(Quote("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\x01\"");
}

TEST(Strings, PercentCoding) {
  EXPECT_EQ(PercentDecodePath("a%20b+c%2F").value(), "a b+c/");
  EXPECT_EQ(PercentDecodeQuery("a%20b+c").value(), "a b c");
  for (std::string_view bad : {"%", "%2", "%zz", "a%4"}) {
    EXPECT_FALSE(PercentDecodePath(bad)) << bad;
  }
  EXPECT_EQ(PercentDecodePath("x%zzy").error().message, "invalid URL escape \"%zz\"");
  EXPECT_EQ(PercentEncodePathSegment("a/b c?d:e~"), "a%2Fb%20c%3Fd:e~");
  EXPECT_EQ(PercentEncodeQuery("a b&c=\xc3\xa4"), "a+b%26c%3D%C3%A4");
}

TEST(Strings, ParsesNumbers) {
  EXPECT_EQ(ParseInt("-12"), -12);
  EXPECT_EQ(ParseInt("+12"), 12);
  EXPECT_EQ(ParseInt<int32_t>("2147483648"), std::nullopt);
  for (std::string_view bad : {"", "1x", " 1", "+-1", "+", "0x1"})
    EXPECT_FALSE(ParseInt(bad)) << bad;
  EXPECT_EQ(ParseUint<uint16_t>("65535"), 65535);
  EXPECT_FALSE(ParseUint<uint16_t>("65536"));
  EXPECT_FALSE(ParseUint("-1"));
  EXPECT_EQ(ParseDouble("1.5e3"), 1500.0);
  EXPECT_FALSE(ParseDouble("nan"));
  EXPECT_FALSE(ParseDouble("1.5 "));
}

TEST(Strings, Truthy) {
  for (std::string_view yes : {"1", "true", "YES", "y", "T", "On", " true "}) {
    EXPECT_TRUE(ParseBoolTruthy(yes)) << yes;
  }
  for (std::string_view no : {"", "0", "false", "2", "yess", "off"}) {
    EXPECT_FALSE(ParseBoolTruthy(no)) << no;
  }
}

TEST(ConstantTime, Compares) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("token", "token"));
  EXPECT_FALSE(ConstantTimeEquals("token", "tokeN"));
  EXPECT_FALSE(ConstantTimeEquals("toke", "token"));
  EXPECT_FALSE(ConstantTimeEquals("", "token"));
  EXPECT_FALSE(ConstantTimeEquals("token", ""));
}

TEST(Uuid, HasVersionAndVariantAndDiffers) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewUuid();
    ASSERT_TRUE(IsUuid(id)) << id;
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
  EXPECT_FALSE(IsUuid("f81d4fae-7dec-41d0-a765-00a0c91e6bf"));
  EXPECT_FALSE(IsUuid("f81d4fae-7dec-41d0-a765-00a0c91e6bfg"));
  EXPECT_FALSE(IsUuid("f81d4faea7dec-41d0-a765-00a0c91e6bf6"));
}

TEST(Random, StaysInItsBounds) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(FastRandomBelow(7), 7u);
    const double unit = FastRandomUnit();
    EXPECT_GE(unit, 0);
    EXPECT_LT(unit, 1);
    const Duration d = Jitter(std::chrono::seconds(10), 0.1);
    EXPECT_GE(d, std::chrono::seconds(9));
    EXPECT_LE(d, std::chrono::seconds(11));
  }
  EXPECT_EQ(FastRandomBelow(0), 0u);
  unsigned char large[2000] = {};
  FillRandom(large);
  EXPECT_TRUE(
      std::any_of(std::begin(large), std::end(large), [](unsigned char c) { return c != 0; }));
}

TEST(Utf8, ValidatesStrictly) {
  EXPECT_TRUE(IsValidUtf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (std::string_view bad : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                               "\xf4\x90\x80\x80", "\xf8", "\xe2\x82"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

}  // namespace
}  // namespace base
