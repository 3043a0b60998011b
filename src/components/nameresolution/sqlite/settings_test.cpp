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
  EXPECT_EQ(settings->tables.table, "hosts");
  EXPECT_EQ(settings->tables.metadata_table, "metadata");
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
  EXPECT_EQ(settings->tables.table, "my_hosts");
  EXPECT_EQ(settings->tables.metadata_table, "my_meta");
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

TEST(Settings, TheFileMustBeWritable) {
  for (const char* text : {"a.db?mode=ro", "a.db?immutable=1"}) {
    const auto settings = ReadSettings(config::Properties("sqlite", {{"connectionString", text}}));
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message.find("has to write"), std::string::npos);
  }
}

}  // namespace
}  // namespace components::nameresolution::sqlite
