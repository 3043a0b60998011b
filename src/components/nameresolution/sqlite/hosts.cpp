#include "components/nameresolution/sqlite/hosts.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace components::nameresolution::sqlite {

using base::Kind;
using base::StrCat;

namespace {

constexpr int64_t kLevel = 1;

}  // namespace

Hosts::Hosts(const Settings& settings, std::unique_ptr<Database> database)
    : settings_(settings),
      database_(std::move(database)),
      fresh_(StrCat("unixepoch(CURRENT_TIMESTAMP) - last_update < ",
                    settings.update_interval.count())) {}

base::Result<std::unique_ptr<Hosts>> Hosts::Open(const Settings& settings) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, OpenDatabase(settings));
  std::unique_ptr<Hosts> hosts(new Hosts(settings, std::move(database)));
  RETURN_IF_ERROR(hosts->Migrate());
  return hosts;
}

base::Status Hosts::Migrate() {
  const std::string& table = settings_.tables.table;
  const std::string& metadata = settings_.tables.metadata_table;
  return database_->Transaction("EXCLUSIVE", [&]() -> base::Status {
    RETURN_IF_ERROR(
        database_->Exec(StrCat("CREATE TABLE IF NOT EXISTS ", metadata,
                               " (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)")));
    ASSIGN_OR_RETURN(const auto rows, database_->Query(StrCat("SELECT value FROM ", metadata,
                                                              " WHERE key = 'nr-migrations'"),
                                                       {}));
    const auto level =
        rows.empty() ? std::optional<int64_t>(0) : base::ParseInt<int64_t>(rows.front().front());
    if (!level || *level < 0) {
      return base::Fail(
          Kind::kPreconditionFailed,
          StrCat("table ", base::Quote(metadata),
                 " has an unreadable migration level: choose another name in the field "
                 "metadataTableName"));
    }
    if (*level > kLevel) {
      return base::Fail(Kind::kPreconditionFailed,
                        StrCat("the database was made by a newer runtime (migration level ", *level,
                               ", this one knows ", kLevel, "): update this runtime"));
    }
    if (*level < kLevel) {
      RETURN_IF_ERROR(database_->Exec(
          StrCat("CREATE TABLE ", table,
                 " (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, app_id TEXT "
                 "NOT NULL, "
                 "namespace TEXT NOT NULL, last_update INTEGER NOT NULL); ",
                 "CREATE UNIQUE INDEX ", table, "_address_idx ON ", table, " (address); ",
                 "CREATE INDEX ", table, "_last_update_idx ON ", table, " (last_update)")));
      RETURN_IF_ERROR(database_->Change(
          StrCat("INSERT OR REPLACE INTO ", metadata, " (key, value) VALUES ('nr-migrations', ?1)"),
          {std::string_view("1")}));
    }
    // A table of another make must be refused now, not at the first call.
    auto columns = database_->Query(StrCat("SELECT registration_id, address, app_id, namespace, ",
                                           "last_update FROM ", table, " LIMIT 0"),
                                    {});
    if (!columns) {
      return base::Fail(Kind::kPreconditionFailed,
                        StrCat(columns.error().message, ": table ", base::Quote(table),
                               " is not one of hosts; choose another name in the field tableName"));
    }
    return {};
  });
}

base::Status Hosts::Register(const Host& host) {
  RETURN_IF_ERROR(
      database_->Change(StrCat("INSERT OR REPLACE INTO ", settings_.tables.table,
                               " (registration_id, address, app_id, namespace, last_update) ",
                               "VALUES (?1, ?2, ?3, '', unixepoch(CURRENT_TIMESTAMP))"),
                        {host.registration_id, host.address, host.app_id}));
  return {};
}

base::Result<std::vector<std::string>> Hosts::Renew(const std::vector<Host>& hosts) {
  std::vector<std::string> lost;
  const std::string update = StrCat("UPDATE ", settings_.tables.table,
                                    " SET last_update = unixepoch(CURRENT_TIMESTAMP) WHERE "
                                    "registration_id = ?1 AND address = ?2");
  const std::string insert =
      StrCat("INSERT OR REPLACE INTO ", settings_.tables.table,
             " (registration_id, address, app_id, namespace, last_update) ",
             "SELECT ?1, ?2, ?3, '', unixepoch(CURRENT_TIMESTAMP) WHERE NOT EXISTS (SELECT 1 FROM ",
             settings_.tables.table, " WHERE address = ?2 AND ", fresh_, ")");
  RETURN_IF_ERROR(database_->Transaction("IMMEDIATE", [&]() -> base::Status {
    for (const Host& host : hosts) {
      ASSIGN_OR_RETURN(const int updated,
                       database_->Change(update, {host.registration_id, host.address}));
      if (updated > 0) continue;
      ASSIGN_OR_RETURN(const int inserted, database_->Change(insert, {host.registration_id,
                                                                      host.address, host.app_id}));
      if (inserted == 0) lost.push_back(host.address);
    }
    return {};
  }));
  return lost;
}

base::Status Hosts::Remove(const std::vector<Host>& hosts) {
  return database_->Transaction("IMMEDIATE", [&]() -> base::Status {
    for (const Host& host : hosts) {
      RETURN_IF_ERROR(database_->Change(StrCat("DELETE FROM ", settings_.tables.table,
                                               " WHERE registration_id = ?1 AND address = ?2"),
                                        {host.registration_id, host.address}));
    }
    return {};
  });
}

base::Result<std::vector<std::string>> Hosts::Find(std::string_view app_id,
                                                   std::string_view app_namespace, int limit) {
  // Today's runtimes all leave the namespace empty; one that does not means it.
  ASSIGN_OR_RETURN(const auto rows,
                   database_->Query(StrCat("SELECT address FROM ", settings_.tables.table,
                                           " WHERE app_id = ?1 AND namespace IN ('', ?2) AND ",
                                           fresh_, " ORDER BY RANDOM() LIMIT ?3"),
                                    {app_id, app_namespace, int64_t{limit}}));
  std::vector<std::string> addresses;
  for (const Database::Row& row : rows) addresses.push_back(row.front());
  return addresses;
}

base::Result<int> Hosts::Cleanup() {
  const auto interval =
      std::chrono::duration_cast<std::chrono::seconds>(settings_.cleanup_interval).count();
  ASSIGN_OR_RETURN(
      const int claimed,
      database_->Change(StrCat("INSERT INTO ", settings_.tables.metadata_table,
                               " (key, value) VALUES ('nr-last-cleanup', CURRENT_TIMESTAMP) ",
                               "ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP WHERE ",
                               "unixepoch(CURRENT_TIMESTAMP) - unixepoch(value) > ?1 OR ",
                               "unixepoch(value) IS NULL"),
                        {int64_t{interval}}));
  if (claimed == 0) return 0;
  // The Go daprd ends itself when its row has gone, so one that was only stopped for a while keeps
  // it.
  const auto age = std::max<int64_t>(3600, 10 * settings_.update_interval.count());
  return database_->Change(StrCat("DELETE FROM ", settings_.tables.table,
                                  " WHERE unixepoch(CURRENT_TIMESTAMP) - last_update > ?1"),
                           {age});
}

}  // namespace components::nameresolution::sqlite
