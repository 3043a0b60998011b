// One connection to SQLite for small statements, with errors in our terms. Used by one thread at a
// time; it blocks, so never on a loop.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "components/nameresolution/sqlite/settings.hpp"

struct sqlite3;

namespace components::nameresolution::sqlite {

class Database {
 public:
  using Value = std::variant<int64_t, std::string_view>;
  using Row = std::vector<std::string>;

  /// Opens and creates the file. Errors name it and the mend.
  static base::Result<std::unique_ptr<Database>> Open(const Settings& settings);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements that run past this moment fail with kTimeout.
  void set_deadline(base::TimePoint deadline) { deadline_ = deadline; }

  /// Runs SQL without parameters.
  base::Status Exec(const std::string& sql);
  /// Runs one statement with its parameters ?1, ?2, …; all rows as text.
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

 private:
  explicit Database(std::string name) : name_(std::move(name)) {}
  static int OnProgress(void* self);
  base::Error LastError(int code) const;

  const std::string name_;
  sqlite3* handle_ = nullptr;
  base::TimePoint deadline_ = base::TimePoint::max();
};

}  // namespace components::nameresolution::sqlite
