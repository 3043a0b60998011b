// The tables of the SQLite store, exactly as the Go daprd lays them out, and their migration.
#pragma once

#include <string>

#include "components/sqlite/database.hpp"

namespace components::state::sqlite {

using components::sqlite::Database;
using components::sqlite::Run;

/// The SQL of one store, with its table names filled in.
struct Sql {
  /// Both names must have passed CheckTableName.
  Sql(const std::string& table, const std::string& metadata_table);

  std::string state_table;
  std::string metadata_table;
  std::string get;            // key -> value, is_binary, etag, expiration_time
  std::string set;            // key value is_binary etag ttl
  std::string insert;         // the same, only where no live row is
  std::string update;         // the same + current etag
  std::string erase;          // key
  std::string erase_etag;     // key etag
  std::string keys_like;      // pattern, last key, limit
  std::string claim_cleanup;  // interval in milliseconds
  std::string cleanup;
};

/// Creates what is missing inside one exclusive transaction; checks what is there. A read-only
/// database is only checked.
base::Status Migrate(Database& database, const Sql& sql, bool read_only);

}  // namespace components::state::sqlite
