// The configuration of nameresolution.sqlite, read and checked. Values; any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/properties.hpp"

namespace components::nameresolution::sqlite {

/// The `connectionString`: a path, a `file:` URI or `:memory:`, with SQLite's own options and
/// `_pragma=name(value)`. Other options that start with '_' belong to the Go driver and mean
/// nothing here.
struct Target {
  std::string uri;   // for sqlite3_open_v2 with SQLITE_OPEN_URI
  std::string name;  // for messages: without options
  bool memory = false;
  std::vector<std::string> pragmas;
};

struct Settings {
  Target target;
  std::chrono::nanoseconds timeout{};           // of one operation
  std::chrono::milliseconds busy_timeout{};     // of waiting for another process's lock
  std::chrono::seconds update_interval{};       // rows older than this do not count
  std::chrono::nanoseconds cleanup_interval{};  // 0 or less = never
  bool wal = true;
  std::string table;
  std::string metadata_table;

  /// How often to renew registrations: at least twice in each update interval, with room for a slow
  /// one.
  std::chrono::nanoseconds RenewInterval() const { return (update_interval - timeout) / 2; }
};

/// kInvalidArgument with the wrong field and the mend.
base::Result<Target> ParseTarget(std::string_view connection_string);
base::Result<Settings> ReadSettings(const config::Properties& properties);

}  // namespace components::nameresolution::sqlite
