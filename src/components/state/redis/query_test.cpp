// No Debian package has the modules, so the commands themselves are compared.
#include "components/state/redis/query.hpp"

#include <gtest/gtest.h>

#include "base/strings.hpp"
#include "components/redis/reply_reader.hpp"

namespace components::state::redis {
namespace {

QueryIndex People() {
  const auto indexes = ParseQueryIndexes(
      R"([{"name":"people","indexes":[{"key":"person.org","type":"TEXT"},
          {"key":"person.id","type":"NUMERIC"},{"key":"state","type":"TAG"}]}])");
  EXPECT_TRUE(indexes) << indexes.error().message;
  return indexes->front();
}

std::string Built(std::string_view query) {
  const auto parsed = contracts::ParseStateQuery(query);
  EXPECT_TRUE(parsed) << parsed.error().message;
  const auto search = BuildSearch(People(), *parsed);
  if (!search) return "error: " + search.error().message;
  return base::Join(search->command, " ");
}

TEST(QueryIndexes, Create) {
  EXPECT_EQ(base::Join(People().CreateCommand(), " "),
            "FT.CREATE people ON JSON SCHEMA $.data.person.org AS var0 TEXT SORTABLE "
            "$.data.person.id AS var1 NUMERIC SORTABLE $.data.state AS var2 TAG SORTABLE");
  for (const char* bad :
       {"", "{}", "[1]", "[{}]", R"([{"name":"x"}])", R"([{"name":"x","indexes":[]}])",
        R"([{"name":"x","indexes":[{}]}])", R"([{"name":"x","indexes":[{"key":"a"}]}])"}) {
    EXPECT_FALSE(ParseQueryIndexes(bad)) << bad;
  }
}

TEST(Search, Filters) {
  const std::string end = " RETURN 2 $.data $.version";
  EXPECT_EQ(Built("{}"), "FT.SEARCH people *" + end);
  EXPECT_EQ(Built(R"({"filter":{"EQ":{"person.org":"Dev Ops"}}})"),
            "FT.SEARCH people @var0:(Dev Ops)" + end);
  EXPECT_EQ(Built(R"({"filter":{"EQ":{"person.id":25}}})"), "FT.SEARCH people @var1:[25 25]" + end);
  EXPECT_EQ(Built(R"({"filter":{"NEQ":{"state":"CA"}}})"), "FT.SEARCH people -@var2:{CA}" + end);
  EXPECT_EQ(Built(R"({"filter":{"GT":{"person.id":1}}})"),
            "FT.SEARCH people @var1:[(1 +inf]" + end);
  EXPECT_EQ(Built(R"({"filter":{"GTE":{"person.id":1}}})"),
            "FT.SEARCH people @var1:[1 +inf]" + end);
  EXPECT_EQ(Built(R"({"filter":{"LT":{"person.id":1}}})"),
            "FT.SEARCH people @var1:[-inf (1]" + end);
  EXPECT_EQ(Built(R"({"filter":{"LTE":{"person.id":1}}})"),
            "FT.SEARCH people @var1:[-inf 1]" + end);
  EXPECT_EQ(Built(R"({"filter":{"IN":{"state":["CA","WA"]}}})"),
            "FT.SEARCH people (@var2:{CA}|@var2:{WA})" + end);
  EXPECT_EQ(Built(R"({"filter":{"OR":[{"EQ":{"person.org":"A"}},
                     {"AND":[{"EQ":{"person.id":3}},{"IN":{"state":["CA"]}}]}]}})"),
            "FT.SEARCH people ((@var0:(A))|(((@var1:[3 3]) ((@var2:{CA})))))" + end);
}

TEST(Search, ValuesStayValues) {
  EXPECT_EQ(Built(R"({"filter":{"EQ":{"person.org":"x) | @var1:[0 9] -y*"}}})"),
            R"(FT.SEARCH people @var0:(x\) \| \@var1\:\[0 9\] \-y\*) RETURN 2 $.data $.version)");
  EXPECT_EQ(Built(R"({"filter":{"EQ":{"state":"a b}"}}})"),
            R"(FT.SEARCH people @var2:{a\ b\}} RETURN 2 $.data $.version)");
}

TEST(Search, SortsAndPages) {
  EXPECT_EQ(Built(R"({"sort":[{"key":"person.id","order":"DESC"}],"page":{"limit":3}})"),
            "FT.SEARCH people * SORTBY var1 DESC LIMIT 0 3 RETURN 2 $.data $.version");
  EXPECT_EQ(Built(R"({"sort":[{"key":"state"}],"page":{"limit":3,"token":"6"}})"),
            "FT.SEARCH people * SORTBY var2 ASC LIMIT 6 3 RETURN 2 $.data $.version");
}

TEST(Search, SaysWhatRedisCannotDo) {
  EXPECT_TRUE(
      Built(R"({"filter":{"EQ":{"nope":1}}})").starts_with("error: the index people has no"));
  EXPECT_TRUE(
      Built(R"({"filter":{"GT":{"person.org":"x"}}})").starts_with("error: GT of person.org"));
  EXPECT_TRUE(Built(R"({"filter":{"EQ":{"state":null}}})").starts_with("error: "));
  EXPECT_TRUE(Built(R"({"filter":{"IN":{"state":[]}}})").starts_with("error: "));
  EXPECT_TRUE(
      Built(R"({"sort":[{"key":"state"},{"key":"person.id"}]})").starts_with("error: redis can"));
  EXPECT_TRUE(Built(R"({"page":{"limit":3,"token":"x"}})").starts_with("error: the page's token"));
}

TEST(Search, AnswerIsRead) {
  components::redis::ReplyReader reader;
  reader.Feed(
      "*5\r\n:9\r\n$6\r\napp||a\r\n*4\r\n$6\r\n$.data\r\n$7\r\n{\"a\":1}\r\n$9\r\n$.version\r\n$"
      "1\r\n"
      "3\r\n$6\r\napp||b\r\n*2\r\n$6\r\n$.data\r\n$1\r\n2\r\n");
  components::redis::Reply reply;
  ASSERT_TRUE(*reader.Next(reply));
  const auto response = ReadSearch({.command = {}, .offset = 4, .limit = 2}, reply);
  ASSERT_TRUE(response);
  ASSERT_EQ(response->items.size(), 2U);
  EXPECT_EQ(response->items[0].key, "app||a");
  EXPECT_EQ(response->items[0].data, R"({"a":1})");
  EXPECT_EQ(response->items[0].etag, "3");
  EXPECT_FALSE(response->items[1].etag.has_value());
  EXPECT_EQ(response->token, "6");
}

}  // namespace
}  // namespace components::state::redis
