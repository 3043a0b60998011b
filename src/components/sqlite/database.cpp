#include "components/sqlite/database.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <thread>

#include "base/strings.hpp"

namespace components::sqlite {

using base::Kind;

Run::~Run() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// A failed bind (index out of range, out of memory) shows as a failing or constraint-breaking step.
Run& Run::Text(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}
Run& Run::Int(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}
Run& Run::Null(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

base::Result<bool> Run::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return std::unexpected(database_.LastError(code));
}

base::Result<int> Run::Finish() {
  while (true) {
    ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return database_.changes();
  }
}

std::string_view Run::ColumnText(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (!text) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
int Run::columns() const {
  return sqlite3_column_count(statement_);
}
int64_t Run::ColumnInt(int column) const {
  return sqlite3_column_int64(statement_, column);
}
bool Run::ColumnIsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

base::Error Database::LastError(int code) const {
  const char* text = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  std::string message = base::StrCat("sqlite database ", base::Quote(name_), ": ", text);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      if (base::Clock::now() >= deadline_) {
        return {Kind::kTimeout,
                message + ": another connection held it until the timeout of the operation"};
      }
      return {Kind::kUnavailable,
              message + ": another connection holds it; end that, or raise busyTimeout"};
    case SQLITE_INTERRUPT:
      return {Kind::kTimeout, message + ": the operation took longer than its timeout"};
    case SQLITE_READONLY:
      return {Kind::kPermissionDenied,
              message + ": the file and its folder must be writable for this process"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {Kind::kPermissionDenied, std::move(message)};
    case SQLITE_FULL:
      return {Kind::kExhausted, message + ": free space on its file system"};
    case SQLITE_CANTOPEN:
      return {Kind::kNotFound,
              message + ": the folder of connectionString must exist and be writable"};
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return {Kind::kInternal, message +
                                   ": connectionString names a file that is damaged or is no "
                                   "SQLite database"};
    case SQLITE_TOOBIG:
      return {Kind::kTooLarge, std::move(message)};
    case SQLITE_NOMEM:
      return {Kind::kExhausted, std::move(message)};
    case SQLITE_IOERR:
      return {Kind::kUnavailable, std::move(message)};
    default:
      return {Kind::kInternal, std::move(message)};
  }
}

int Database::changes() const {
  return sqlite3_changes(handle_);
}

int Database::OnProgress(void* self) {
  return base::Clock::now() > static_cast<Database*>(self)->deadline_ ? 1 : 0;
}

int Database::OnBusy(void* self, int tries) {
  auto& database = *static_cast<Database*>(self);
  const base::TimePoint now = base::Clock::now();
  if (tries == 0) {
    database.busy_until_ = std::min(now + database.busy_timeout_, database.deadline_);
  }
  if (now >= database.busy_until_) return 0;
  const auto pause = std::chrono::milliseconds(std::min(1 << std::min(tries, 6), 50));
  std::this_thread::sleep_for(std::min<base::Clock::duration>(pause, database.busy_until_ - now));
  return 1;
}

base::Result<std::unique_ptr<Database>> Database::Open(const Target& target,
                                                       const Options& options) {
  std::unique_ptr<Database> database(new Database(target, options));
  const bool read_only = target.read_only || options.read_only;
  const int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                    (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(target.uri.c_str(), &database->handle_, flags, nullptr);
  if (code != SQLITE_OK) return std::unexpected(database->LastError(code));
  sqlite3_extended_result_codes(database->handle_, 1);
  sqlite3_busy_handler(database->handle_, OnBusy, database.get());
  sqlite3_progress_handler(database->handle_, 1000, OnProgress, database.get());
  // LIKE is compared by letter in every store.
  RETURN_IF_ERROR(database->Exec("PRAGMA case_sensitive_like = ON"));
  if (!read_only && !target.memory) {
    RETURN_IF_ERROR(
        database->Exec(options.wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE"));
  }
  for (const std::string& pragma : target.pragmas) {
    RETURN_IF_ERROR(database->Exec("PRAGMA " + pragma));
  }
  return database;
}

Database::~Database() {
  for (const Cached& cached : statements_) sqlite3_finalize(cached.statement);
  sqlite3_close(handle_);
}

base::Status Database::Exec(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastError(code));
  return {};
}

base::Result<std::vector<Database::Row>> Database::Query(const std::string& sql,
                                                         std::initializer_list<Value> values) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql));
  Run run(*this, statement);
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const auto* number = std::get_if<int64_t>(&value)) {
      run.Int(index, *number);
    } else {
      run.Text(index, std::get<std::string_view>(value));
    }
  }
  std::vector<Row> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, run.Step());
    if (!more) return rows;
    Row& row = rows.emplace_back();
    for (int i = 0; i < run.columns(); ++i) row.emplace_back(run.ColumnText(i));
  }
}

base::Result<int> Database::Change(const std::string& sql, std::initializer_list<Value> values) {
  RETURN_IF_ERROR(Query(sql, values));
  return changes();
}

base::Result<sqlite3_stmt*> Database::Prepare(const std::string& sql) {
  for (const Cached& cached : statements_) {
    if (cached.sql == sql) return cached.statement;
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastError(code));
  statements_.push_back({sql, statement});
  return statement;
}

}  // namespace components::sqlite
