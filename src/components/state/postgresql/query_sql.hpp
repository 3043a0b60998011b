// A state query as SQL over the v1 table. No text of the caller is in the SQL: keys and values are
// elements of one text[] parameter, $1, and the SQL names them by number. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "contracts/state_query.hpp"

namespace components::state::postgresql {

struct QuerySql {
  std::string sql;                 // gives key, value, xmin
  std::vector<std::string> texts;  // the elements of $1
  int64_t offset = 0;              // rows before this page
};

/// `table` is quoted, `live` a condition. Only keys that start with `key_prefix` are found and
/// counted in pages; empty = all. kInvalidArgument for a token that is none.
base::Result<QuerySql> MakeQuerySql(const contracts::StateQuery& query, std::string_view table,
                                    std::string_view live, std::string_view key_prefix);

}  // namespace components::state::postgresql
