#include "components/state/sqlite/schema.hpp"

#include <algorithm>
#include <set>

#include "base/strings.hpp"

namespace components::state::sqlite {

using base::StrCat;

namespace {

constexpr int64_t kLevel = 1;
constexpr std::string_view kLive =
    "(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)";

base::Result<std::set<std::string>> Columns(Database& database, const std::string& table) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement,
                   database.Prepare("SELECT name FROM pragma_table_info(?)"));
  Run run(database, statement);
  run.Text(1, table);
  std::set<std::string> columns;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, run.Step());
    if (!row) return columns;
    columns.insert(base::ToLower(run.ColumnText(0)));
  }
}

base::Status RequireColumns(Database& database, std::string_view field, const std::string& table,
                            std::initializer_list<std::string_view> wanted) {
  ASSIGN_OR_RETURN(const std::set<std::string> columns, Columns(database, table));
  for (std::string_view column : wanted) {
    if (!columns.contains(std::string(column))) {
      return base::Fail(
          base::Kind::kPreconditionFailed,
          StrCat("table ", base::Quote(table), " has no column ", base::Quote(column),
                 ", so it is not a table of this component: choose another name in the "
                 "metadata field ",
                 field));
    }
  }
  return {};
}

base::Result<int64_t> CurrentLevel(Database& database, const Sql& sql) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement,
                   database.Prepare(StrCat("SELECT value FROM ", sql.metadata_table,
                                           " WHERE key = 'migrations'")));
  Run run(database, statement);
  ASSIGN_OR_RETURN(const bool row, run.Step());
  if (!row) return 0;
  const auto level = base::ParseInt<int64_t>(run.ColumnText(0));
  if (!level || *level < 0) {
    return base::Fail(
        base::Kind::kPreconditionFailed,
        StrCat("table ", base::Quote(sql.metadata_table),
               " has an unreadable migration level: choose another name in the metadata "
               "field metadataTableName"));
  }
  if (*level > kLevel) {
    return base::Fail(base::Kind::kPreconditionFailed,
                      StrCat("the database was made by a newer runtime (migration level ", *level,
                             ", this one knows ", kLevel, "): update this runtime"));
  }
  return *level;
}

base::Status CheckState(Database& database, const Sql& sql) {
  return RequireColumns(database, "tableName", sql.state_table,
                        {"key", "value", "is_binary", "etag", "expiration_time", "update_time"});
}

}  // namespace

Sql::Sql(const std::string& table, const std::string& metadata)
    : state_table(table), metadata_table(metadata) {
  get = StrCat("SELECT value, is_binary, etag, expiration_time FROM ", table, " WHERE key = ? AND ",
               kLive);
  const std::string values = StrCat(
      "INSERT INTO ", table, " (key, value, is_binary, etag, update_time, expiration_time) ",
      "VALUES (?1, ?2, ?3, ?4, CURRENT_TIMESTAMP, DATETIME(CURRENT_TIMESTAMP, ?5)) ",
      "ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_binary = excluded.is_binary, ",
      "etag = excluded.etag, update_time = excluded.update_time, ",
      "expiration_time = excluded.expiration_time");
  set = values;
  insert = StrCat(values, " WHERE ", table, ".expiration_time IS NOT NULL AND ", table,
                  ".expiration_time <= CURRENT_TIMESTAMP");
  update = StrCat(
      "UPDATE ", table, " SET value = ?2, is_binary = ?3, etag = ?4, ",
      "update_time = CURRENT_TIMESTAMP, ",
      "expiration_time = DATETIME(CURRENT_TIMESTAMP, ?5) WHERE key = ?1 AND etag = ?6 AND ", kLive);
  erase = StrCat("DELETE FROM ", table, " WHERE key = ?1");
  erase_etag = StrCat(erase, " AND etag = ?2 AND ", kLive);
  keys_like = StrCat("SELECT key FROM ", table, " WHERE key LIKE ?1 ESCAPE '\\' AND key > ?2 AND ",
                     kLive, " ORDER BY key LIMIT ?3");
  claim_cleanup = StrCat(
      "INSERT INTO ", metadata, " (key, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP) ",
      "ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP WHERE ",
      "(unixepoch(CURRENT_TIMESTAMP) - unixepoch(value)) * 1000 > ?1 OR unixepoch(value) IS NULL");
  cleanup = StrCat("DELETE FROM ", table,
                   " WHERE expiration_time IS NOT NULL AND expiration_time <= CURRENT_TIMESTAMP");
}

base::Status Migrate(Database& database, const Sql& sql, bool read_only) {
  if (read_only) {
    RETURN_IF_ERROR(CheckState(database, sql));
    return {};
  }
  return database.Transaction("EXCLUSIVE", [&]() -> base::Status {
    RETURN_IF_ERROR(database.Exec(StrCat("CREATE TABLE IF NOT EXISTS ", sql.metadata_table,
                                         " (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)")));
    RETURN_IF_ERROR(
        RequireColumns(database, "metadataTableName", sql.metadata_table, {"key", "value"}));
    ASSIGN_OR_RETURN(const int64_t level, CurrentLevel(database, sql));
    if (level < kLevel) {
      RETURN_IF_ERROR(database.Exec(StrCat(
          "CREATE TABLE IF NOT EXISTS ", sql.state_table,
          " (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, "
          "etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL, "
          "update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)")));
      RETURN_IF_ERROR(database.Exec(StrCat("INSERT OR REPLACE INTO ", sql.metadata_table,
                                           " (key, value) VALUES ('migrations', '", kLevel, "')")));
    }
    return CheckState(database, sql);
  });
}

}  // namespace components::state::sqlite
