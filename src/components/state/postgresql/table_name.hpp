// Names of tables in metadata fields. They go into SQL text, so they are taken apart here and put
// together quoted. As in plain SQL, a name without quotes means its lower-case form and may have a
// schema in front of it. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace components::state::postgresql {

struct TableName {
  std::string quoted;  // "schema"."table", ready for SQL
  std::string table;   // the table alone, not quoted

  /// The name of something that belongs to the table and lives in its schema: "table_suffix".
  std::string Quoted(std::string_view suffix) const;
  /// The table's name with quotes, as a string constant for SQL.
  std::string Literal() const;
};

/// kInvalidArgument with the field's name and the mend.
base::Result<TableName> ParseTableName(std::string_view field, std::string_view text);

}  // namespace components::state::postgresql
