// A thin, owning view of SQLite for the components that keep something in a file of it: one
// connection with its prepared statements, errors in our terms. A Database is used by one thread at
// a time; it blocks, so never on a loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "components/sqlite/connection_string.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace components::sqlite {

class Database;

/// One run of a prepared statement: bind from 1 on, step, read columns from 0 on. Resets itself.
class Run {
 public:
  explicit Run(Database& database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();

  /// Bound text is borrowed until the Run ends.
  Run& Text(int index, std::string_view text);
  Run& Int(int index, int64_t value);
  Run& Null(int index);

  /// True if there is a row, false at the end.
  base::Result<bool> Step();
  /// For statements without rows: steps to the end; the number of rows changed.
  base::Result<int> Finish();

  std::string_view ColumnText(int column) const;
  int64_t ColumnInt(int column) const;
  int columns() const;
  bool ColumnIsNull(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
};

class Database {
 public:
  struct Options {
    std::chrono::milliseconds busy_timeout{2000};  // longest wait for another connection's lock
    bool wal = true;
    bool read_only = false;  // in addition to what the target says
  };
  /// Opens (and creates, unless read-only) the file. Errors name it and the mend.
  static base::Result<std::unique_ptr<Database>> Open(const Target& target, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements that run, or wait for a lock, past this moment fail with kTimeout.
  void set_deadline(base::TimePoint deadline) { deadline_ = deadline; }

  /// Runs SQL without parameters.
  base::Status Exec(const std::string& sql);
  /// The prepared form of `sql`, kept for the connection's life. One Run of it at a time.
  base::Result<sqlite3_stmt*> Prepare(const std::string& sql);

  using Value = std::variant<int64_t, std::string_view>;
  using Row = std::vector<std::string>;
  /// Runs one statement with its parameters ?1, ?2, …; all rows as text, NULL as empty text.
  base::Result<std::vector<Row>> Query(const std::string& sql, std::initializer_list<Value> values);
  /// The same for statements without rows: how many rows it changed.
  base::Result<int> Change(const std::string& sql, std::initializer_list<Value> values);

  /// Runs `work` in BEGIN `mode` … COMMIT; rolls back if `work` or the commit fails.
  template <class F>
  base::Status Transaction(const char* mode, F work) {
    RETURN_IF_ERROR(Exec(std::string("BEGIN ") + mode));
    base::Status status = work();
    if (status) status = Exec("COMMIT");
    if (!status) (void)Exec("ROLLBACK");
    return status;
  }

  base::Error LastError(int code) const;
  int changes() const;

 private:
  Database(const Target& target, const Options& options)
      : name_(target.name), busy_timeout_(options.busy_timeout) {}
  static int OnProgress(void* self);
  static int OnBusy(void* self, int tries);

  const std::string name_;
  const std::chrono::milliseconds busy_timeout_;
  sqlite3* handle_ = nullptr;
  base::TimePoint deadline_ = base::TimePoint::max();
  base::TimePoint busy_until_;  // of the wait for a lock that is going on
  struct Cached {
    std::string sql;
    sqlite3_stmt* statement;
  };
  std::vector<Cached> statements_;
};

}  // namespace components::sqlite
