#include "components/state/postgresql/table_name.hpp"

#include <gtest/gtest.h>

namespace components::state::postgresql {
namespace {

TEST(TableName, FormsThatSqlTakes) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"state", R"("state")", "state"},
      {"State_2", R"("state_2")", "state_2"},
      {"_a$1", R"("_a$1")", "_a$1"},
      {"My.Table", R"("my"."table")", "table"},
      {R"("My Table")", R"("My Table")", "My Table"},
      {R"(app."a""b")", R"("app"."a""b")", "a\"b"},
      {"select", R"("select")", "select"}};
  for (const auto& [text, quoted, table] : cases) {
    const auto name = ParseTableName("tableName", text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->quoted, quoted);
    EXPECT_EQ(name->table, table);
  }
  const auto name = ParseTableName("tableName", R"(s."it's")");
  EXPECT_EQ(name->Literal(), R"('"s"."it''s"')");
  EXPECT_EQ(name->Quoted("_x"), R"("it's_x")");
}

TEST(TableName, EverythingElseIsRefused) {
  for (const char* text : {"", "1a", "a b", "a;DROP TABLE x", "a--", "a'", "a\"b", "a.b.c", ".a",
                           "a.", "\"a", "\"\"", "a(b)", "é"}) {
    const auto name = ParseTableName("tableName", text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().kind, base::Kind::kInvalidArgument);
    EXPECT_NE(name.error().message.find("tableName"), std::string::npos);
  }
}

}  // namespace
}  // namespace components::state::postgresql
