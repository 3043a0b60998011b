#include "components/nameresolution/sqlite/database.hpp"

#include <sqlite3.h>

#include "base/strings.hpp"

namespace components::nameresolution::sqlite {

using base::Kind;

namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

}  // namespace

base::Error Database::LastError(int code) const {
  const char* text = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  std::string message = base::StrCat("sqlite database ", base::Quote(name_), ": ", text);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Kind::kUnavailable,
              message + ": another process holds it; end that, or raise busyTimeout"};
    case SQLITE_INTERRUPT:
      return {Kind::kTimeout, message + ": the operation took longer than its timeout"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {Kind::kPermissionDenied,
              message + ": the file and its folder must be writable for this process"};
    case SQLITE_FULL:
      return {Kind::kExhausted, message + ": free space on its file system"};
    case SQLITE_NOMEM:
      return {Kind::kExhausted, std::move(message)};
    case SQLITE_CANTOPEN:
      return {Kind::kInvalidArgument,
              message + ": the folder of connectionString must exist and be writable"};
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return {Kind::kInternal, message +
                                   ": connectionString names a file that is damaged or is no "
                                   "SQLite database"};
    case SQLITE_IOERR:
      return {Kind::kUnavailable, std::move(message)};
    default:
      return {Kind::kInternal, std::move(message)};
  }
}

int Database::OnProgress(void* self) {
  return base::Clock::now() > static_cast<Database*>(self)->deadline_ ? 1 : 0;
}

base::Result<std::unique_ptr<Database>> Database::Open(const Settings& settings) {
  std::unique_ptr<Database> database(new Database(settings.target.name));
  const int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(settings.target.uri.c_str(), &database->handle_, flags, nullptr);
  if (code != SQLITE_OK) return std::unexpected(database->LastError(code));
  sqlite3_extended_result_codes(database->handle_, 1);
  sqlite3_busy_timeout(database->handle_, static_cast<int>(settings.busy_timeout.count()));
  sqlite3_progress_handler(database->handle_, 1000, OnProgress, database.get());
  if (!settings.target.memory) {
    RETURN_IF_ERROR(database->Exec(settings.wal ? "PRAGMA journal_mode = WAL"
                                                : "PRAGMA journal_mode = DELETE"));
  }
  for (const std::string& pragma : settings.target.pragmas) {
    RETURN_IF_ERROR(database->Exec("PRAGMA " + pragma));
  }
  return database;
}

Database::~Database() {
  sqlite3_close(handle_);
}

base::Status Database::Exec(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastError(code));
  return {};
}

base::Result<std::vector<Database::Row>> Database::Query(const std::string& sql,
                                                         std::initializer_list<Value> values) {
  sqlite3_stmt* prepared = nullptr;
  int code =
      sqlite3_prepare_v2(handle_, sql.c_str(), static_cast<int>(sql.size()), &prepared, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastError(code));
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(prepared);
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const auto* number = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(prepared, index, *number);
    } else {
      const std::string_view text = std::get<std::string_view>(value);
      code = sqlite3_bind_text64(prepared, index, text.data() ? text.data() : "", text.size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    }
    if (code != SQLITE_OK) return std::unexpected(LastError(code));
  }
  std::vector<Row> rows;
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
    Row row;
    for (int column = 0; column < sqlite3_column_count(prepared); ++column) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(prepared, column));
      row.emplace_back(text ? text : "", text ? size : 0);
    }
    rows.push_back(std::move(row));
  }
  if (code != SQLITE_DONE) return std::unexpected(LastError(code));
  return rows;
}

base::Result<int> Database::Change(const std::string& sql, std::initializer_list<Value> values) {
  RETURN_IF_ERROR(Query(sql, values));
  return sqlite3_changes(handle_);
}

}  // namespace components::nameresolution::sqlite
