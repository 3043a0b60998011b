#include "components/nameresolution/sqlite/settings.hpp"

#include <gtest/gtest.h>

namespace components::nameresolution::sqlite {
namespace {

using namespace std::chrono_literals;

base::Result<Settings> Read(std::vector<config::Properties::Entry> entries) {
  entries.insert(entries.begin(), {"connectionString", "names.db"});
  return ReadSettings(config::Properties("sqlite", std::move(entries)));
}

TEST(Settings, Defaults) {
  const auto settings = Read({});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->target.uri, "file:names.db");
  EXPECT_EQ(settings->timeout, 1s);
  EXPECT_EQ(settings->busy_timeout, 800ms);
  EXPECT_EQ(settings->update_interval, 5s);
  EXPECT_EQ(settings->cleanup_interval, 1h);
  EXPECT_TRUE(settings->wal);
  EXPECT_EQ(settings->table, "hosts");
  EXPECT_EQ(settings->metadata_table, "metadata");
  EXPECT_EQ(settings->RenewInterval(), 2s);
}

TEST(Settings, GivenOnes) {
  const auto settings = Read({{"updateInterval", "10"},
                              {"timeoutInSeconds", "2"},
                              {"busyTimeout", "100ms"},
                              {"cleanupInterval", "0"},
                              {"disableWAL", "true"},
                              {"tableName", "my_hosts"},
                              {"metadataTableName", "my_meta"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->update_interval, 10s);
  EXPECT_EQ(settings->timeout, 2s);
  EXPECT_EQ(settings->busy_timeout, 100ms);
  EXPECT_EQ(settings->cleanup_interval, 0s);
  EXPECT_FALSE(settings->wal);
  EXPECT_EQ(settings->table, "my_hosts");
  EXPECT_EQ(settings->metadata_table, "my_meta");
}

TEST(Settings, WrongOnesNameTheField) {
  const std::pair<std::vector<config::Properties::Entry>, const char*> cases[] = {
      {{{"updateInterval", "1500ms"}}, "updateInterval"},
      {{{"updateInterval", "1s"}}, "updateInterval"},
      {{{"updateInterval", "5s"}, {"timeout", "5s"}}, "updateInterval"},
      {{{"timeout", "0s"}}, "timeout"},
      {{{"timeout", "soon"}}, "timeout"},
      {{{"busyTimeout", "-1s"}}, "busyTimeout"},
      {{{"tableName", "a; DROP TABLE x"}}, "tableName"},
      {{{"tableName", "1st"}}, "tableName"},
      {{{"metadataTableName", "a-b"}}, "metadataTableName"},
      {{{"tableName", "Same"}, {"metadataTableName", "same"}}, "metadataTableName"}};
  for (const auto& [entries, field] : cases) {
    const auto settings = Read(entries);
    ASSERT_FALSE(settings) << field;
    EXPECT_EQ(settings.error().kind, base::Kind::kInvalidArgument);
    EXPECT_NE(settings.error().message.find(field), std::string::npos) << settings.error().message;
  }
}

TEST(Target, Forms) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"names.db", "file:names.db", false},
      {" /tmp/a#b%.db ", "file:/tmp/a%23b%25.db", false},
      {"file:/tmp/a.db?cache=private&_txlock=immediate", "file:/tmp/a.db?cache=private", false},
      {":memory:", "file::memory:", true},
      {"file:x?mode=memory&cache=shared", "file:x?mode=memory&cache=shared", true}};
  for (const auto& [text, uri, memory] : cases) {
    const auto target = ParseTarget(text);
    ASSERT_TRUE(target) << text << ": " << target.error().message;
    EXPECT_EQ(target->uri, uri) << text;
    EXPECT_EQ(target->memory, memory) << text;
  }
  const auto pragmas = ParseTarget("a.db?_pragma=synchronous(1)&_pragma=cache_size%28-100%29");
  ASSERT_TRUE(pragmas);
  EXPECT_EQ(pragmas->pragmas, (std::vector<std::string>{"synchronous(1)", "cache_size(-100)"}));
}

TEST(Target, Refuses) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "missing connection string"},
      {"file:?cache=shared", "names no file"},
      {"a.db?mode=ro", "has to write"},
      {"a.db?immutable=1", "has to write"},
      {"a.db?_pragma=busy_timeout(5)", "busyTimeout"},
      {"a.db?_pragma=Journal_Mode=DELETE", "disableWAL"},
      {"a.db?_pragma=x;DROP TABLE y", "_pragma=name(value)"},
      {"a.db?x=%zz", "%"}};
  for (const auto& [text, part] : cases) {
    const auto target = ParseTarget(text);
    ASSERT_FALSE(target) << text;
    EXPECT_NE(target.error().message.find(part), std::string::npos) << target.error().message;
  }
}

}  // namespace
}  // namespace components::nameresolution::sqlite
