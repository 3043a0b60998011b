#include "config/yaml.hpp"

#include <gtest/gtest.h>

#include "config/env.hpp"
#include "config/yaml_fields.hpp"
#include "config/yaml_scalar.hpp"

namespace config {
namespace {

TEST(SplitDocuments, KeepsLinesAndSkipsEmpty) {
  const auto documents = SplitDocuments(
      "f", "# only a comment\n---\na: 1\nb: 2\n--- # next\n\n---\nc: 3\n  ---\nd: 4");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].first_line, 3);
  EXPECT_EQ(documents[0].text, "a: 1\nb: 2\n");
  EXPECT_EQ(documents[1].first_line, 8);
  EXPECT_EQ(documents[1].text, "c: 3\n  ---\nd: 4\n");
  EXPECT_TRUE(SplitDocuments("f", "").empty());
  EXPECT_EQ(SplitDocuments("f",
                           "\xef\xbb\xbf"
                           "a: 1")
                .at(0)
                .text,
            "a: 1\n");
}

TEST(Scalar, Yaml11Types) {
  struct Case {
    std::string_view text;
    bool plain;
    std::string_view canonical, json;
  };
  const Case cases[] = {
      {"", true, "", "null"},
      {"~", true, "", "null"},
      {"null", true, "", "null"},
      {"null", false, "null", "\"null\""},
      {"yes", true, "true", "true"},
      {"Off", true, "false", "false"},
      {"n", true, "false", "false"},
      {"yes", false, "yes", "\"yes\""},
      {"yEs", true, "yEs", "\"yEs\""},
      {"12", true, "12", "12"},
      {"-0x10", true, "-16", "-16"},
      {"0123", true, "83", "83"},
      {"089", true, "89", "89"},
      {"0b11", true, "3", "3"},
      {"0o17", true, "15", "15"},
      {"1_000", true, "1000", "1000"},
      {"1.10", true, "1.1", "1.1"},
      {"1e3", true, "1000", "1000"},
      {".5", true, "0.5", "0.5"},
      {"-1.5", true, "-1.5", "-1.5"},
      {"1.2.3", true, "1.2.3", "\"1.2.3\""},
      {"18446744073709551615", true, "18446744073709551615", "18446744073709551615"},
      {"9223372036854775808", true, "9223372036854775808", "9223372036854775808"},
      {"-9223372036854775808", true, "-9223372036854775808", "-9223372036854775808"},
      {"99999999999999999999", true, "100000000000000000000", "100000000000000000000"},
      {".inf", true, ".inf", "\".inf\""},
      {"-", true, "-", "\"-\""},
      {"0x", true, "0x", "\"0x\""},
      {"2024-01-02", true, "2024-01-02", "\"2024-01-02\""},
      {"<", true, "<", "\"\\u003c\""},
      {"+5", true, "5", "5"},
      {"5s", true, "5s", "\"5s\""},
      {"1.", true, "1", "1"},
      {"1e400", true, "1e400", "\"1e400\""},
      {"1:30", true, "1:30", "\"1:30\""},
      {"1__2", true, "12", "12"},
      {"_1", true, "_1", "\"_1\""},
      {"-0", true, "0", "0"},
      {"0.0000001", true, "1e-7", "1e-7"}};
  for (const Case& c : cases) {
    const Scalar scalar = ClassifyScalar(c.text, c.plain);
    EXPECT_EQ(ScalarText(c.text, scalar), c.canonical) << c.text;
    EXPECT_EQ(ScalarJson(c.text, scalar), c.json) << c.text;
  }
}

struct Sample {
  std::string text;
  bool boolean = false;
  int32_t number = 0;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  Dynamic dynamic;
};

base::Result<Sample> ReadSample(const std::string& yaml) {
  const Document document{"f.yaml", 10, yaml};
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Sample out;
  Fields root = reader.Root();
  root.Read("text", out.text);
  root.Read("boolean", out.boolean);
  root.Read("number", out.number);
  root.Read("list", out.list);
  root.Read("map", out.map);
  root.Read("dynamic", out.dynamic);
  root.Child("child", [](Fields& f) {
    std::string inner;
    f.Read("inner", inner);
  });
  RETURN_IF_ERROR(reader.status());
  return out;
}

TEST(Fields, ReadsTypes) {
  const auto got = ReadSample(
      "TEXT: ignored\ntext: on\nboolean: yes\nnumber: 5.0\nlist: [1, a, null]\nmap: {a: 1, b: x}\n"
      "dynamic: {z: [1, true, ~], a: \"<\"}\nextra: 1\ntext: 1.50\n");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->text, "1.5");
  EXPECT_TRUE(got->boolean);
  EXPECT_EQ(got->number, 5);
  EXPECT_EQ(got->list, (std::vector<std::string>{"1", "a", ""}));
  EXPECT_EQ(got->map.at("b"), "x");
  EXPECT_EQ(got->dynamic.json, R"({"a":"\u003c","z":[1,true,null]})");
  EXPECT_EQ(ReadSample("Text: x").value().text, "x");
  EXPECT_EQ(ReadSample("base: &b {text: x, number: 1}\n<<: *b\nnumber: 2").value().text, "x");
  EXPECT_EQ(ReadSample("base: &b {text: x, number: 1}\n<<: *b\nnumber: 2").value().number, 2);
  EXPECT_EQ(ReadSample("dynamic: !!str 12").value().dynamic.json, "\"12\"");
  EXPECT_EQ(ReadSample("text: null\nlist: ~").value().text, "");
  EXPECT_EQ(ReadSample(R"({"text": "a\u00e4", "dynamic": 12})").value().dynamic.text, "12");
}

TEST(Fields, ErrorsNameFileLineAndField) {
  const std::pair<const char*, const char*> cases[] = {
      {"text: [a]", "f.yaml:10: field text: expected a string, found a list"},
      {"a: 1\nboolean: \"true\"",
       "f.yaml:11: field boolean: expected true or false, found a string"},
      {"number: x", "f.yaml:10: field number: expected an integer, found a string"},
      {"number: 3000000000", "f.yaml:10: field number: 3000000000 does not fit 32 bits"},
      {"list: a", "f.yaml:10: field list: expected a list, found a string"},
      {"map: [a]", "f.yaml:10: field map: expected a mapping, found a list"},
      {"map:\n  a: {}", "f.yaml:11: field map.a: expected a string, found a mapping"},
      {"child: 5", "f.yaml:10: field child: expected a mapping, found an integer"},
      {"child:\n  inner: []", "f.yaml:11: field child.inner: expected a string, found a list"},
      {"[1]", "f.yaml:10: expected a mapping of fields"},
  };
  for (const auto& [yaml, message] : cases) {
    const auto got = ReadSample(yaml);
    ASSERT_FALSE(got) << yaml;
    EXPECT_EQ(got.error().message, message);
  }
  const auto broken = ReadSample("a: 1\nb: [1\nc: 2\n");
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("f.yaml:1")) << broken.error().message;
  EXPECT_NE(broken.error().message.find("invalid YAML"), std::string::npos);
}

TEST(Fields, HostileNesting) {
  const std::string open(100'000, '[');
  EXPECT_FALSE(ReadSample("dynamic: " + open));
  std::string dashes;
  for (int i = 0; i < 50'000; ++i) dashes += "- ";
  EXPECT_FALSE(ReadSample("dynamic:\n  " + dashes + "x"));
  std::string maps;
  for (int i = 0; i < 2000; ++i) maps += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_FALSE(ReadSample(maps + std::string(2001, ' ') + "- x"));
  // Aliases that double at every level, and one that contains itself.
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before +
            "]\n";
  }
  EXPECT_FALSE(ReadSample(bomb + "dynamic: *a39\n"));
  EXPECT_FALSE(ReadSample("dynamic: &d [*d]\n"));
  EXPECT_FALSE(ReadSample("text: " + std::string(kMaxDocumentSize, 'x')));
}

TEST(ExpandEnv, AsGoDoes) {
  const MapEnv env({{"A", "1"}, {"A_b2", "2"}, {"1", "one"}, {"*", "all"}});
  const std::pair<const char*, const char*> cases[] = {
      {"$A", "1"},     {"${A}x", "1x"}, {"$A_b2-", "2-"},        {"$NONE.", "."},
      {"${NONE}", ""}, {"$", "$"},      {"a$ b", "a$ b"},        {"${}x", "x"},
      {"${A", "A"},    {"$$A", "A"},    {"$1x", "onex"},         {"$*", "all"},
      {"${*}", "all"}, {"$/", "$/"},    {"cost: 5$", "cost: 5$"}};
  for (const auto& [in, out] : cases) EXPECT_EQ(ExpandEnv(in, env), out) << in;
}

}  // namespace
}  // namespace config
