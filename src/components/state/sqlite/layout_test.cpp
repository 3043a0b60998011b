// The table layout is a contract: people move a file between this runtime and Dapr's. Rows written
// through the store are read here with plain SQL, and the other way round.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/uuid.hpp"
#include "components/state/sqlite/test_store.hpp"

namespace components::state::sqlite {
namespace {

using Row = std::vector<std::optional<std::string>>;

// Plain SQLite, without any code of the component.
class Raw {
 public:
  explicit Raw(const std::string& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK); }
  ~Raw() { sqlite3_close(db_); }
  void Exec(const std::string& sql) {
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
        << (error ? error : "");
    sqlite3_free(error);
  }
  std::vector<Row> Query(const std::string& sql) {
    std::vector<Row> rows;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      Row& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        row.push_back(text ? std::optional<std::string>(text) : std::nullopt);
      }
    }
    sqlite3_finalize(statement);
    return rows;
  }
  std::string One(const std::string& sql) {
    const std::vector<Row> rows = Query(sql);
    return rows.size() == 1 && rows[0].size() == 1 ? rows[0][0].value_or("NULL")
                                                   : "no single value";
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST(Layout, TablesHaveTheDocumentedColumns) {
  const TestFile file;
  TestStore store({{"connectionString", file.path()}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  Raw raw(file.path());
  // name, type, not null, default, primary key
  const std::vector<Row> state{{"key", "TEXT", "1", std::nullopt, "1"},
                               {"value", "TEXT", "1", std::nullopt, "0"},
                               {"is_binary", "BOOLEAN", "1", std::nullopt, "0"},
                               {"etag", "TEXT", "1", std::nullopt, "0"},
                               {"expiration_time", "TIMESTAMP", "0", "NULL", "0"},
                               {"update_time", "TIMESTAMP", "1", "CURRENT_TIMESTAMP", "0"}};
  EXPECT_EQ(
      raw.Query("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('state')"),
      state);
  EXPECT_EQ(raw.Query("SELECT key, value FROM metadata"), (std::vector<Row>{{"migrations", "1"}}));
  EXPECT_EQ(raw.One("PRAGMA journal_mode"), "wal");
}

TEST(Layout, RowsOfTheStoreAreAsDocumented) {
  const TestFile file;
  TestStore store({{"connectionString", file.path()}});
  ASSERT_TRUE(store.Set({.key = "app||json", .value = R"({"a":"\u003c"})", .json = true}));
  ASSERT_TRUE(store.Set({.key = "app||bytes", .value = std::string("\0\xff", 2)}));
  contracts::SetRequest ttl{.key = "app||ttl", .value = "1", .json = true};
  ttl.metadata.Set("ttlInSeconds", "3600");
  ASSERT_TRUE(store.Set(std::move(ttl)));

  Raw raw(file.path());
  EXPECT_EQ(raw.Query("SELECT value, is_binary, typeof(is_binary), expiration_time FROM state "
                      "WHERE key = 'app||json'"),
            (std::vector<Row>{{R"({"a":"\u003c"})", "0", "integer", std::nullopt}}));
  EXPECT_EQ(raw.Query("SELECT value, is_binary FROM state WHERE key = 'app||bytes'"),
            (std::vector<Row>{{"AP8=", "1"}}));
  const std::string etag = raw.One("SELECT etag FROM state WHERE key = 'app||json'");
  EXPECT_TRUE(base::IsUuid(etag)) << etag;
  EXPECT_EQ(etag[14], '4');
  EXPECT_EQ(raw.One("SELECT COUNT(*) FROM state WHERE key = 'app||ttl' AND expiration_time GLOB "
                    "'[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]' "
                    "AND ABS(unixepoch(expiration_time) - unixepoch('now') - 3600) < 5"),
            "1");
  EXPECT_EQ(
      raw.One(
          "SELECT COUNT(*) FROM state WHERE ABS(unixepoch(update_time) - unixepoch('now')) < 5"),
      "3");
}

TEST(Layout, RowsOfOthersAreRead) {
  const TestFile file;
  {
    Raw raw(file.path());
    raw.Exec("CREATE TABLE metadata (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)");
    raw.Exec("INSERT INTO metadata VALUES ('migrations', '1')");
    raw.Exec(
        "CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN "
        "NOT NULL, etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL, update_time "
        "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    raw.Exec(
        "INSERT INTO state (key, value, is_binary, etag, expiration_time) VALUES "
        "('json', '{\"b\":1}', 0, 'e1', NULL), ('bytes', 'AP8=', 1, 'e2', NULL), "
        "('later', '1', 0, 'e3', '2999-12-31 23:59:59'), "
        "('past', '1', 0, 'e4', '2001-01-01 00:00:00'), "
        "('broken', '***', 1, 'e5', NULL)");
  }
  TestStore store({{"connectionString", file.path()}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  EXPECT_EQ(store.Get("json")->data, R"({"b":1})");
  EXPECT_EQ(store.Get("json")->etag, "e1");
  EXPECT_EQ(store.Get("bytes")->data, std::string("\0\xff", 2));
  const auto later = store.Get("later");
  EXPECT_EQ(later->metadata, (contracts::Metadata{{"ttlExpireTime", "2999-12-31T23:59:59Z"}}));
  EXPECT_FALSE(store.Get("past")->found);
  EXPECT_FALSE(store.Get("broken").has_value());
  EXPECT_TRUE(store.Set({.key = "json", .value = "2", .json = true, .etag = "e1"}));
  EXPECT_TRUE(store.Delete({.key = "bytes", .etag = "e2"}));
}

TEST(Layout, CleanupNotesItsTimeAndKeepsItsInterval) {
  const TestFile file;
  TestStore store({{"connectionString", file.path()}, {"cleanupInterval", "1h"}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  Raw raw(file.path());
  const auto add = [&raw](const char* key) {
    raw.Exec(
        std::string("INSERT INTO state (key, value, is_binary, etag, expiration_time) VALUES ('") +
        key + "', '1', 0, 'e', '2001-01-01 00:00:00')");
  };
  add("one");
  EXPECT_EQ(store.Cleanup().value(), 1);
  EXPECT_EQ(raw.One("SELECT COUNT(*) FROM metadata WHERE key = 'last-cleanup' AND "
                    "ABS(unixepoch(value) - unixepoch('now')) < 5"),
            "1");
  add("two");
  EXPECT_EQ(store.Cleanup().value(), 0);
  raw.Exec("UPDATE metadata SET value = DATETIME('now', '-2 hours') WHERE key = 'last-cleanup'");
  EXPECT_EQ(store.Cleanup().value(), 1);
}

TEST(Layout, TableNamesCanBeChosen) {
  const TestFile file;
  TestStore store({{"connectionString", file.path()},
                   {"TABLENAME", "my_state"},
                   {"metadataTableName", "my_meta"},
                   {"disableWAL", "true"}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  ASSERT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  Raw raw(file.path());
  EXPECT_EQ(raw.One("SELECT value FROM my_state"), "1");
  EXPECT_EQ(raw.One("SELECT value FROM my_meta"), "1");
  EXPECT_EQ(raw.One("PRAGMA journal_mode"), "delete");
}

}  // namespace
}  // namespace components::state::sqlite
