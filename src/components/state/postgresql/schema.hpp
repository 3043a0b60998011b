// The two layouts of the PostgreSQL store: their statements and how a database is brought to them.
// Tables are those of the Go daprd to the byte, because people switch runtimes over one database.
//
//   v1: value jsonb, the etag is the row's xmin; bytes are a JSON string of base64 (isbinary)
//   v2: value bytea, the etag is a random uuid
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "components/postgres/client.hpp"
#include "components/state/postgresql/table_name.hpp"
#include "contracts/call.hpp"

namespace components::state::postgresql {

enum class Layout : uint8_t { kV1, kV2 };

struct Tables {
  TableName state;
  TableName metadata;
  std::string level_key;    // of the metadata table's row with the migration level
  std::string cleanup_key;  // of the row with the time of the last clean-up
};

/// The prepared statements. Parameters of writes: $1 key, $2 value, $3 seconds to live or null,
/// $4 whether the value is bytes (v1 only), then the etag. Rows that were read are value, etag,
/// expiry, then isbinary (v1 only), then the key where there can be several.
struct Statements {
  Statements(postgres::Client& client, Layout layout, const Tables& tables);

  const postgres::Statement* get;
  const postgres::Statement* get_many;  // $1 keys
  const postgres::Statement* set;
  const postgres::Statement* insert;      // first-write: only where there is no live row
  const postgres::Statement* update;      // with etag
  const postgres::Statement* set_many;    // the same parameters as arrays
  const postgres::Statement* erase;       // $1 key
  const postgres::Statement* erase_etag;  // $1 key, $2 etag
  const postgres::Statement* erase_many;  // $1 keys
  // The same for transactions: a division by zero unless exactly one row was written.
  const postgres::Statement* checked_insert;
  const postgres::Statement* checked_update;
  const postgres::Statement* checked_erase;
  const postgres::Statement* keys_like;      // $1 pattern, $2 after this key or null, $3 limit
  const postgres::Statement* claim_cleanup;  // $1 milliseconds that must have passed
  const postgres::Statement* cleanup;
  const postgres::Statement* ping;
  const postgres::Statement* check;  // fails unless the table has the columns
};

/// The part of a WHERE that hides expired rows.
std::string_view LiveCondition(Layout layout);

/// Brings the tables to the current layout, guarded by a row lock against others that do the same.
/// Changes nothing when they are current, so that a read-only server can be read from.
async::Task<base::Status> Migrate(const contracts::Call& call, postgres::Client& client,
                                  Layout layout, const Tables& tables);

}  // namespace components::state::postgresql
