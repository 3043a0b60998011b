#include "contracts/state_query.hpp"

#include <gtest/gtest.h>

#include "base/strings.hpp"

namespace contracts {
namespace {

using Type = StateQueryValue::Type;

// A filter as one line: EQ(key,value), AND(...).
std::string Show(const StateFilter& filter) {
  std::string out = base::StrCat(StateFilterOpName(filter.op), "(", filter.key);
  for (const StateQueryValue& value : filter.values) {
    base::StrAppend(out, ",", std::to_string(static_cast<int>(value.type)), ":", value.text);
  }
  for (const StateFilter& inner : filter.filters) base::StrAppend(out, " ", Show(inner));
  return out + ")";
}

std::string FilterOf(std::string_view filter) {
  const auto query = ParseStateQuery(base::StrCat("{\"filter\":", filter, "}"));
  if (!query) return "error: " + query.error().message;
  return query->filter ? Show(*query->filter) : "none";
}
std::string ErrorOf(std::string_view document) {
  const auto query = ParseStateQuery(document);
  if (query) return "no error";
  EXPECT_EQ(query.error().kind, base::Kind::kInvalidArgument);
  return query.error().message;
}

TEST(StateQuery, NothingAskedForIsEverything) {
  for (const char* text : {"{}", "null", "{\"filter\":{}}", "{\"filter\":null,\"page\":null}",
                           "{\"other\":[1,{\"filter\":3}]}"}) {
    const auto query = ParseStateQuery(text);
    ASSERT_TRUE(query) << text;
    EXPECT_FALSE(query->filter) << text;
    EXPECT_TRUE(query->sort.empty());
    EXPECT_EQ(query->limit, 0);
    EXPECT_EQ(query->token, "");
  }
}

TEST(StateQuery, EveryComparison) {
  for (const char* op : {"EQ", "NEQ", "GT", "GTE", "LT", "LTE"}) {
    EXPECT_EQ(FilterOf(base::StrCat("{\"", op, "\":{\"a.b\":\"x\"}}")),
              base::StrCat(op, "(a.b,3:x)"));
  }
  EXPECT_EQ(FilterOf(R"({"IN":{"k":["x",2,null]}})"), "IN(k,3:x,2:2,0:null)");
  EXPECT_EQ(FilterOf(R"({"IN":{"k":[]}})"), "IN(k)");
}

TEST(StateQuery, ValuesHaveTheirTypeAndGoText) {
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":1.50e1}})"), "EQ(k,2:15)");
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":1000000}})"), "EQ(k,2:1000000)");
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":true}})"), "EQ(k,1:true)");
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":null}})"), "EQ(k,0:null)");
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":[1, 2]}})"), "EQ(k,4:[1,2])");
  EXPECT_EQ(FilterOf(R"({"EQ":{"k":{"b":1,"a":"<"}}})"), R"(EQ(k,5:{"a":"<","b":1}))");
  EXPECT_EQ(FilterOf(R"({"EQ":{"\u00fc'\"":"\n"}})"), "EQ(\u00fc'\",3:\n)");
}

TEST(StateQuery, GroupsNest) {
  EXPECT_EQ(FilterOf(R"({"OR":[{"EQ":{"a":"x"}},{"AND":[{"EQ":{"b":"y"}},{"IN":{"c":["z"]}}]}]})"),
            "OR( EQ(a,3:x) AND( EQ(b,3:y) IN(c,3:z)))");
}

TEST(StateQuery, TheLastOfEqualMembersCounts) {
  EXPECT_EQ(FilterOf(R"({"EQ":{"a":1},"EQ":{"b":2}})"), "EQ(b,2:2)");
  const auto query =
      ParseStateQuery(R"({"Sort":[{"key":"a"}],"SORT":[{"KEY":"b","Order":"desc"}]})");
  ASSERT_TRUE(query);
  ASSERT_EQ(query->sort.size(), 1u);
  EXPECT_EQ(query->sort[0].key, "b");
  EXPECT_TRUE(query->sort[0].descending);
}

TEST(StateQuery, SortAndPage) {
  const auto query = ParseStateQuery(
      R"({"sort":[{"key":"a","order":"ASC"},{"key":"b.c","order":"DESC"},{"key":"d"}],
          "page":{"limit":3,"token":"6"}})");
  ASSERT_TRUE(query) << query.error().message;
  ASSERT_EQ(query->sort.size(), 3u);
  EXPECT_FALSE(query->sort[0].descending);
  EXPECT_TRUE(query->sort[1].descending);
  EXPECT_EQ(query->sort[1].key, "b.c");
  EXPECT_FALSE(query->sort[2].descending);
  EXPECT_EQ(query->limit, 3);
  EXPECT_EQ(query->token, "6");
}

TEST(StateQuery, WrongDocumentsAreExplained) {
  EXPECT_EQ(ErrorOf(""), "unexpected end of JSON input");
  EXPECT_EQ(ErrorOf("{filter\":1}"),
            "invalid character 'f' looking for beginning of object key string");
  EXPECT_EQ(ErrorOf("[]"), "the query must be an object, not array");
  EXPECT_EQ(ErrorOf(R"({"filter":[]})"), "filter must be an object, not array");
  EXPECT_EQ(ErrorOf(R"({"filter":{"LIKE":{"a":1}}})"), "unsupported filter \"LIKE\"");
  EXPECT_EQ(ErrorOf(R"({"filter":{"eq":{"a":1}}})"), "unsupported filter \"eq\"");
  EXPECT_EQ(ErrorOf(R"({"filter":{"EQ":{"a":1},"IN":{"a":[1]}}})"),
            "a filter must have one member, its operator");
  EXPECT_EQ(ErrorOf(R"({"filter":{"EQ":3}})"), "filter EQ must be an object, not number");
  EXPECT_EQ(ErrorOf(R"({"filter":{"EQ":{}}})"), "filter EQ must have one member, the key compared");
  EXPECT_EQ(ErrorOf(R"({"filter":{"EQ":{"a":1,"b":2}}})"),
            "filter EQ must have one member, the key compared");
  EXPECT_EQ(ErrorOf(R"({"filter":{"IN":{"a":1}}})"),
            "the value of filter IN must be an array, not number");
  EXPECT_EQ(ErrorOf(R"({"filter":{"AND":{}}})"), "filter AND must be an array, not object");
  EXPECT_EQ(ErrorOf(R"({"filter":{"AND":[]}})"), "filter AND must have at least two filters");
  EXPECT_EQ(ErrorOf(R"({"filter":{"OR":[{"EQ":{"a":1}}]}})"),
            "filter OR must have at least two filters");
  EXPECT_EQ(ErrorOf(R"({"filter":{"OR":[{},{}]}})"), "a filter must have one member, its operator");
  EXPECT_EQ(ErrorOf(R"({"filter":{"OR":[1,2]}})"), "a filter must be an object, not number");
  EXPECT_EQ(ErrorOf(R"({"sort":{}})"), "sort must be an array, not object");
  EXPECT_EQ(ErrorOf(R"({"sort":["a"]})"), "an element of sort must be an object, not string");
  EXPECT_EQ(ErrorOf(R"({"sort":[{"order":"ASC"}]})"), "sort.key must not be empty");
  EXPECT_EQ(ErrorOf(R"({"sort":[{"key":3}]})"), "sort.key must be a string, not number");
  EXPECT_EQ(ErrorOf(R"({"sort":[{"key":"a","order":"up; DROP"}]})"),
            "sort.order must be ASC or DESC, not \"up; DROP\"");
  EXPECT_EQ(ErrorOf(R"({"page":3})"), "page must be an object, not number");
  for (const char* limit : {"-1", "1.5", "\"3\"", "99999999999999999999", "1000001"}) {
    EXPECT_EQ(ErrorOf(base::StrCat("{\"page\":{\"limit\":", limit, "}}")),
              "page.limit must be a whole number from 0 to 1000000")
        << limit;
  }
  EXPECT_EQ(ErrorOf(R"({"page":{"token":3}})"), "page.token must be a string, not number");
}

std::string Nested(std::size_t depth) {
  std::string text = R"({"EQ":{"a":1}})";
  for (std::size_t i = 0; i < depth; ++i)
    text = base::StrCat(R"({"OR":[{"EQ":{"a":1}},)", text, "]}");
  return text;
}

TEST(StateQuery, DepthAndSizeAreBounded) {
  EXPECT_TRUE(FilterOf(Nested(kMaxStateQueryDepth)).starts_with("OR("));
  EXPECT_EQ(FilterOf(Nested(kMaxStateQueryDepth + 1)), "error: filters are nested deeper than 64");
  std::string values = "1";
  for (std::size_t i = 2; i < kMaxStateQueryTerms; ++i) values += ",1";
  EXPECT_TRUE(FilterOf(base::StrCat(R"({"IN":{"a":[)", values, "]}}")).starts_with("IN("));
  values += ",1";
  EXPECT_EQ(FilterOf(base::StrCat(R"({"IN":{"a":[)", values, "]}}")),
            "error: the query has more than 4096 terms");
}

}  // namespace
}  // namespace contracts
