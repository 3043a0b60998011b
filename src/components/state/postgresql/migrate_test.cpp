// Databases that older runtimes have made, and several that make one at the same time.
#include <gtest/gtest.h>

#include <latch>

#include "components/state/postgresql/test_store.hpp"

namespace components::state::postgresql {
namespace {

using postgres::Sql;
using Rows = std::vector<postgres::SqlRow>;

Sql Raw() {
  return postgres::SharedServer().sql();
}

void MakeV1(const std::string& table, int level) {
  Sql raw = Raw();
  raw.Exec(base::StrCat("CREATE TABLE ", table,
                        " (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean "
                        "NOT NULL, insertdate timestamptz NOT NULL DEFAULT now(), updatedate "
                        "timestamptz NULL)"));
  if (level > 1) raw.Exec(base::StrCat("ALTER TABLE ", table, " ADD expiredate timestamptz"));
  raw.Exec(base::StrCat("CREATE TABLE ", table,
                        "_meta (key text NOT NULL PRIMARY KEY, value text NOT NULL)"));
  raw.Exec(base::StrCat("INSERT INTO ", table, "_meta VALUES ('lock', 'lock'), ('migrations', '",
                        level, "')"));
  raw.Exec(base::StrCat("INSERT INTO ", table,
                        " (key, value, isbinary, insertdate) VALUES ('new', '3', false, "
                        "'2024-01-02'), ('old', '1', false, '2023-01-01'), ('mid', '2', false, "
                        "'2023-06-01')"));
}

TEST(Migrate, TablesOfOlderLevelsOfV1) {
  for (const int level : {1, 2}) {
    const std::string table = base::StrCat("older", level);
    MakeV1(table, level);
    TestStore store = TestStore::Shared(Layout::kV1, table);
    ASSERT_TRUE(store.status()) << store.status().error().message;
    EXPECT_EQ(Raw().Query(base::StrCat("SELECT key, row_id FROM ", table, " ORDER BY row_id")),
              (Rows{{"old", "1"}, {"mid", "2"}, {"new", "3"}}));
    EXPECT_EQ(store.Get("old")->data, "1");
    ASSERT_TRUE(store.Set({.key = "next", .value = "4", .json = true}));
    EXPECT_EQ(Raw().One(base::StrCat("SELECT row_id FROM ", table, " WHERE key = 'next'")), "4");
    EXPECT_EQ(
        Raw().One(base::StrCat("SELECT value FROM ", table, "_meta WHERE key = 'migrations'")),
        "3");
  }
}

TEST(Migrate, TheFirstLevelOfV2) {
  Sql raw = Raw();
  raw.Exec(
      "CREATE TABLE older_state (key text NOT NULL PRIMARY KEY, value bytea NOT NULL, etag uuid "
      "NOT NULL DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL DEFAULT now(), "
      "updated_at timestamptz, expires_at timestamptz)");
  raw.Exec("CREATE INDEX ON older_state (expires_at)");
  raw.Exec("CREATE TABLE older__meta (key text NOT NULL PRIMARY KEY, value text NOT NULL)");
  raw.Exec("INSERT INTO older__meta VALUES ('lock', 'lock'), ('migrations-state-v2-older_', '1')");
  raw.Exec("INSERT INTO older_state (key, value) VALUES ('a', '1')");
  const std::string etag = raw.One("SELECT etag FROM older_state");
  TestStore store = TestStore::Shared(Layout::kV2, "older_");
  ASSERT_TRUE(store.status()) << store.status().error().message;
  EXPECT_EQ(store.Get("a")->data, "1");
  EXPECT_EQ(store.Get("a")->etag, etag);
  EXPECT_EQ(raw.One("SELECT value FROM older__meta WHERE key = 'migrations-state-v2-older_'"), "2");
  EXPECT_EQ(raw.One("SELECT row_id FROM older_state"), "1");
  EXPECT_EQ(raw.One("SELECT count(*) FROM pg_indexes WHERE tablename = 'older_state'"), "3");
}

TEST(Migrate, ASecondStartChangesNothing) {
  TestStore::Shared(Layout::kV1, "again1").Close();
  const std::string before = Raw().One("SELECT xmin FROM again1_meta WHERE key = 'migrations'");
  TestStore store = TestStore::Shared(Layout::kV1, "again1");
  ASSERT_TRUE(store.status());
  EXPECT_EQ(Raw().One("SELECT xmin FROM again1_meta WHERE key = 'migrations'"), before);
}

TEST(Migrate, NewerLevelsAreLeftAlone) {
  TestStore::Shared(Layout::kV1, "newer1").Close();
  Raw().Exec("UPDATE newer1_meta SET value = '9' WHERE key = 'migrations'");
  TestStore store = TestStore::Shared(Layout::kV1, "newer1");
  ASSERT_TRUE(store.status());
  EXPECT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_EQ(Raw().One("SELECT value FROM newer1_meta WHERE key = 'migrations'"), "9");
}

TEST(Migrate, ManyAtOnce) {
  for (const Layout layout : {Layout::kV1, Layout::kV2}) {
    const std::string name = layout == Layout::kV1 ? "race1" : "race2_";
    constexpr int kStores = 6;
    std::latch ready(kStores);
    std::vector<std::thread> threads;
    for (int i = 0; i < kStores; ++i) {
      threads.emplace_back([&, i] {
        ready.arrive_and_wait();
        TestStore store = TestStore::Shared(layout, name);
        EXPECT_TRUE(store.status()) << store.status().error().message;
        EXPECT_TRUE(store.Set({.key = std::to_string(i), .value = "1", .json = true}));
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string table = layout == Layout::kV1 ? name : name + "state";
    EXPECT_EQ(Raw().One("SELECT count(*) FROM " + table), std::to_string(kStores));
    EXPECT_EQ(Raw().One(base::StrCat("SELECT count(*) FROM ", name, "_meta")), "2");
  }
}

TEST(Migrate, TwoStoresOfV2ShareOneMetadataTable) {
  const Entries target{{"connectionString", postgres::SharedServer().connection()},
                       {"metadataTableName", "shared_meta"}};
  TestStore one(Layout::kV2, With(target, {{"tablePrefix", "one_"}}));
  TestStore two(Layout::kV2, With(target, {{"tablePrefix", "two_"}}));
  TestStore three(Layout::kV1, With(target, {{"tableName", "three"}}));
  for (TestStore* store : {&one, &two, &three}) {
    ASSERT_TRUE(store->status()) << store->status().error().message;
    EXPECT_TRUE(store->Set({.key = "k", .value = "1", .json = true}));
  }
}

TEST(Migrate, AForeignTableIsNotTouched) {
  Raw().Exec("CREATE TABLE foreign1 (id int)");
  TestStore store = TestStore::Shared(Layout::kV1, "foreign1");
  ASSERT_FALSE(store.status());
  EXPECT_EQ(store.status().error().kind, base::Kind::kPreconditionFailed)
      << store.status().error().message;
  EXPECT_EQ(Raw().One("SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE "
                      "table_name = 'foreign1'"),
            "id");
}

TEST(Migrate, TheVersionsDoNotTakeEachOthersTables) {
  TestStore::Shared(Layout::kV1, "mixed_state").Close();
  TestStore store(Layout::kV2, {{"connectionString", postgres::SharedServer().connection()},
                                {"tablePrefix", "mixed_"},
                                {"metadataTableName", "mixed_state_meta"}});
  ASSERT_FALSE(store.status());
  EXPECT_EQ(store.status().error().kind, base::Kind::kPreconditionFailed)
      << store.status().error().message;
}

}  // namespace
}  // namespace components::state::postgresql
