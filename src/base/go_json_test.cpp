#include "base/go_json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/strings.hpp"

namespace base {
namespace {

struct Case {
  std::string_view in, out;
};

TEST(ReencodeLikeGo, Table) {
  const Case cases[] = {
      {"null", "null"},
      {" [ 1 , true , false , null ] ", "[1,true,false,null]"},
      {"{}", "{}"},
      {"[]", "[]"},
      {"{ }", "{}"},
      {R"({"a":1,"b":2})", R"({"a":1,"b":2})"},
      {R"({"b":1,"a":2})", R"({"a":2,"b":1})"},
      {R"({"a":1,"a":2})", R"({"a":2})"},
      {R"({"a":{"x":1},"b":0,"a":{"y":2}})", R"({"a":{"y":2},"b":0})"},
      {R"({"c":{"z":[{"b":1,"a":2}],"y":3},"b":{"d":4,"c":5}})",
       R"({"b":{"c":5,"d":4},"c":{"y":3,"z":[{"a":2,"b":1}]}})"},
      {R"([{"b":1,"a":1},{"b":2,"a":2}])", R"([{"a":1,"b":1},{"a":2,"b":2}])"},
      {R"({"b":{},"a":[]})", R"({"a":[],"b":{}})"},
      {R"({"\u0062":1,"a":2,"b":3})", R"({"a":2,"b":3})"},
      {R"({"B":1,"a":2,"":3})", R"({"":3,"B":1,"a":2})"},
      {R"({"ä":1,"z":2})", R"({"z":2,"ä":1})"},
      {R"({"<":1,"\n":2})", R"({"\n":2,"\u003c":1})"},
      {R"("<>&")", R"("\u003c\u003e\u0026")"},
      {R"("\u003c\/")", R"("\u003c/")"},
      {R"("\u0041\u00e4\u20ac\ud83d\ude00")", R"("Aä€😀")"},
      {R"("\b\f\n\r\t\u0000\u001f\u007f")", "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\""},
      {"\"\\\"\\\\\"", "\"\\\"\\\\\""},
      {R"("\u2028\u2029")", R"("\u2028\u2029")"},
      {"\"\xe2\x80\xa8\"", R"("\u2028")"},
      {"\"a\xff\xc3z\"", "\"a\xef\xbf\xbd\xef\xbf\xbdz\""},
      {R"("\ud800")", "\"\xef\xbf\xbd\""},
      {R"("\ud800\u0041")", "\"\xef\xbf\xbd\x41\""},
      {R"("\ude00\ud83d")", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
  };
  for (const Case& c : cases) {
    const auto got = ReencodeLikeGo(c.in);
    ASSERT_TRUE(got) << c.in << ": " << got.error().message;
    EXPECT_EQ(*got, c.out) << c.in;
  }
  EXPECT_EQ(ReencodeLikeGo(R"("<>&")", {.escape_html = false}).value(), R"("<>&")");
  EXPECT_EQ(ReencodeLikeGo("\"\\u2028\"", {.escape_html = false}).value(), R"("\u2028")");
}

TEST(ReencodeLikeGo, Numbers) {
  const Case cases[] = {{"0", "0"},
                        {"-0", "-0"},
                        {"-0.0", "-0"},
                        {"0.0", "0"},
                        {"1.0", "1"},
                        {"1.50", "1.5"},
                        {"10", "10"},
                        {"-12.5", "-12.5"},
                        {"1e2", "100"},
                        {"1E+2", "100"},
                        {"1.5e-3", "0.0015"},
                        {"1e20", "100000000000000000000"},
                        {"1e21", "1e+21"},
                        {"123456789012345678", "123456789012345680"},
                        {"123456789012345678901", "123456789012345680000"},
                        {"12345678901234567890123", "1.2345678901234568e+22"},
                        {"0.000001", "0.000001"},
                        {"0.0000001", "1e-7"},
                        {"1.25e-10", "1.25e-10"},
                        {"9007199254740993", "9007199254740992"},
                        {"0.1", "0.1"},
                        {"0.30000000000000004", "0.30000000000000004"},
                        {"1e400e", ""},
                        {"5e-324", "5e-324"},
                        {"1e-400", "0"},
                        {"-1e-400", "-0"},
                        {"1.7976931348623157e308", "1.7976931348623157e+308"},
                        {"0.01", "0.01"},
                        {"999999999999999", "999999999999999"},
                        {"9999999999999999", "10000000000000000"}};
  for (const Case& c : cases) {
    const auto got = ReencodeLikeGo(c.in);
    if (c.out.empty()) {
      EXPECT_FALSE(got) << c.in;
      continue;
    }
    ASSERT_TRUE(got) << c.in << ": " << got.error().message;
    EXPECT_EQ(*got, c.out) << c.in;
  }
}

TEST(ReencodeLikeGo, NumbersStayExactIfAsked) {
  const auto exact = [](std::string_view json) {
    return ReencodeLikeGo(json, {.exact_numbers = true}).value_or("");
  };
  EXPECT_EQ(exact("[12345678901234567890, 1.50, 1E5, -0, 1e999]"),
            "[12345678901234567890,1.50,1E5,-0,1e999]");
  EXPECT_EQ(exact(R"({"b":0.10,"a":"<"})"), R"({"a":"\u003c","b":0.10})");
}

TEST(ReencodeLikeGo, Errors) {
  const Case cases[] = {
      {"", "unexpected end of JSON input"},
      {"  ", "unexpected end of JSON input"},
      {"{", "unexpected end of JSON input"},
      {"[1", "unexpected end of JSON input"},
      {"\"a", "unexpected end of JSON input"},
      {"tru", "invalid character ' ' in literal true (expecting 'e')"},
      {"-", "invalid character ' ' in numeric literal"},
      {"1.", "invalid character ' ' after decimal point in numeric literal"},
      {"1e", "invalid character ' ' in exponent of numeric literal"},
      {"nope", "invalid character 'o' in literal null (expecting 'u')"},
      {"hello", "invalid character 'h' looking for beginning of value"},
      {"[1,]", "invalid character ']' looking for beginning of value"},
      {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
      {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
      {"{\"a\" 1}", "invalid character '1' after object key"},
      {"{\"a\":1 2}", "invalid character '2' after object key:value pair"},
      {"[1 2]", "invalid character '2' after array element"},
      {"1 2", "invalid character '2' after top-level value"},
      {"{} x", "invalid character 'x' after top-level value"},
      {"01", "invalid character '1' after top-level value"},
      {"-a", "invalid character 'a' in numeric literal"},
      {"1.a", "invalid character 'a' after decimal point in numeric literal"},
      {"1ea", "invalid character 'a' in exponent of numeric literal"},
      {"\"\n\"", "invalid character '\\n' in string literal"},
      {"\"\\x\"", "invalid character 'x' in string escape code"},
      {"\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"},
      {"'a'", "invalid character '\\'' looking for beginning of value"},
      {"[\"a\"\"b\"]", "invalid character '\"' after array element"},
      {"1e400", "json: cannot unmarshal number 1e400 into Go value of type float64"},
      {"1e400,", "invalid character ',' after top-level value"},
      {"\xff", "invalid character 'ÿ' looking for beginning of value"},
  };
  for (const Case& c : cases) {
    const auto got = ReencodeLikeGo(c.in);
    ASSERT_FALSE(got) << c.in;
    EXPECT_EQ(got.error().message, c.out) << c.in;
    EXPECT_EQ(got.error().kind, Kind::kInvalidArgument);
  }
}

TEST(ReencodeLikeGo, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ReencodeLikeGo(nested(kMaxJsonDepth)));
  EXPECT_EQ(ReencodeLikeGo(nested(kMaxJsonDepth + 1)).error().message, "exceeded max depth");
  EXPECT_FALSE(CompactLikeGo(nested(kMaxJsonDepth + 1), true));
}

TEST(ReencodeLikeGo, UnsortedAtEveryLevelIsLinear) {
  std::string in, out;
  for (int i = 0; i < 5000; ++i) {
    in += R"({"b":)";
    out += R"({"a":0,"b":)";
  }
  const std::string leaf = "\"" + std::string(1 << 20, 'x') + "\"";
  in += leaf;
  out += leaf;
  for (int i = 0; i < 5000; ++i) {
    in += R"(,"a":0})";
    out += "}";
  }
  EXPECT_TRUE(ReencodeLikeGo(in).value() == out);
}

TEST(CompactLikeGo, Table) {
  const Case cases[] = {{" { \"b\" : 1.50 , \"a\" : [ 1e2 ] } ", R"({"b":1.50,"a":[1e2]})"},
                        {R"("\u0041<>&\/")", R"("\u0041\u003c\u003e\u0026\/")"},
                        {"\"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\"", "\"\\u2028\\u2029\xe2\x80\""},
                        {"1e400", "1e400"},
                        {R"({"a":1,"a":2})", R"({"a":1,"a":2})"}};
  for (const Case& c : cases) EXPECT_EQ(CompactLikeGo(c.in, true).value(), c.out) << c.in;
  EXPECT_EQ(CompactLikeGo(" \"<\xe2\x80\xa8\"", false).value(), "\"<\xe2\x80\xa8\"");
  EXPECT_FALSE(CompactLikeGo("{} {}", true));
}

TEST(AppendJsonString, Escapes) {
  std::string out = "x=";
  AppendJsonString(out, std::string_view("a\"\\\b\f\n\r\t\0<\xff\xe2\x80\xa9\xc3\xa4", 16));
  EXPECT_EQ(out, "x=\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u003c\\ufffd\\u2029\xc3\xa4\"");
  out.clear();
  AppendJsonString(out, "<&>", false);
  EXPECT_EQ(out, "\"<&>\"");
}

TEST(AppendGoFloat, Extremes) {
  const std::pair<double, std::string_view> cases[] = {
      {1e-6, "0.000001"},
      {9.99e-7, "9.99e-7"},
      {-1e21, "-1e+21"},
      {1e100, "1e+100"},
      {std::numeric_limits<double>::denorm_min(), "5e-324"},
      {-0.5, "-0.5"},
      {1234.5678, "1234.5678"}};
  for (auto [value, text] : cases) {
    std::string out;
    AppendGoFloat(out, value);
    EXPECT_EQ(out, text);
  }
}

}  // namespace
}  // namespace base
