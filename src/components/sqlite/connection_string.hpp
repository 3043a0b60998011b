// The `connectionString` of SQLite components: a path, a path with options, a file: URI, or
// :memory:. Options are those of the Go driver that Dapr users know: SQLite's own (mode, cache,
// vfs, immutable …) and `_pragma=name(value)`; `_txlock` is accepted and always immediate here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace components::sqlite {

struct Target {
  std::string uri;   // for sqlite3_open_v2 with SQLITE_OPEN_URI
  std::string name;  // for messages: the path or ":memory:", without options
  bool memory = false;
  bool read_only = false;
  std::vector<std::string> pragmas;  // "foreign_keys(1)": run on every connection
};

/// kInvalidArgument with the wrong option and the mend.
base::Result<Target> ParseConnectionString(std::string_view text);

}  // namespace components::sqlite
