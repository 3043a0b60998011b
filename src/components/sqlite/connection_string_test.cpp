#include "components/sqlite/connection_string.hpp"

#include <gtest/gtest.h>

namespace components::sqlite {
namespace {

struct Good {
  const char* text;
  const char* uri;
  const char* name;
  bool memory;
  bool read_only;
  std::vector<std::string> pragmas;
};

TEST(ConnectionString, FormsOfTheGoDriver) {
  const std::vector<Good> cases{
      {"data.db", "file:data.db", "data.db", false, false, {}},
      {"  /var/lib/a b.db ", "file:/var/lib/a b.db", "/var/lib/a b.db", false, false, {}},
      {"file:data.db", "file:data.db", "data.db", false, false, {}},
      {"FILE:/x/data.db?cache=private",
       "file:/x/data.db?cache=private",
       "/x/data.db",
       false,
       false,
       {}},
      {"100%.db", "file:100%25.db", "100%.db", false, false, {}},
      {"a#b.db", "file:a%23b.db", "a#b.db", false, false, {}},
      {":memory:", "file::memory:", ":memory:", true, false, {}},
      {"file::memory:?cache=shared", "file::memory:?cache=shared", ":memory:", true, false, {}},
      {"file:shared?mode=memory&cache=shared",
       "file:shared?mode=memory&cache=shared",
       "shared",
       true,
       false,
       {}},
      {"data.db?mode=ro", "file:data.db?mode=ro", "data.db", false, true, {}},
      {"file:data.db?immutable=1", "file:data.db?immutable=1", "data.db", false, true, {}},
      {"data.db?_txlock=immediate&_pragma=foreign_keys(1)&mode=rwc&_pragma=synchronous%28normal%29",
       "file:data.db?mode=rwc",
       "data.db",
       false,
       false,
       {"foreign_keys(1)", "synchronous(normal)"}}};
  for (const Good& one : cases) {
    SCOPED_TRACE(one.text);
    const auto target = ParseConnectionString(one.text);
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(target->uri, one.uri);
    EXPECT_EQ(target->name, one.name);
    EXPECT_EQ(target->memory, one.memory);
    EXPECT_EQ(target->read_only, one.read_only);
    EXPECT_EQ(target->pragmas, one.pragmas);
  }
}

TEST(ConnectionString, WrongOnesSayWhatToDo) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "missing connection string"},
      {"  ", "missing connection string"},
      {"?mode=ro", "names no file"},
      {"data.db?_pragma=busy_timeout(5)", "use the metadata field busyTimeout"},
      {"data.db?_pragma=Journal_Mode=DELETE", "use the metadata field disableWAL"},
      {"data.db?_pragma=x;DROP TABLE state", "write it as _pragma=name(value)"},
      {"data.db?mode=%zz", ""}};
  for (const auto& [text, message] : cases) {
    const auto target = ParseConnectionString(text);
    ASSERT_FALSE(target) << text;
    EXPECT_NE(target.error().message.find(message), std::string::npos) << target.error().message;
  }
}

}  // namespace
}  // namespace components::sqlite
