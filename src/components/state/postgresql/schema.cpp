#include "components/state/postgresql/schema.hpp"

#include "base/strings.hpp"

namespace components::state::postgresql {

using base::StrCat;

namespace {

struct Columns {
  std::string_view etag, expiry, updated, live, expired;
  std::string_view value;     // $2 as the column's value
  std::string_view etag_arg;  // the etag after the other parameters
  std::string_view read;      // what reading gives
};

constexpr Columns kV1{.etag = "xmin",
                      .expiry = "expiredate",
                      .updated = "updatedate",
                      .live = "(expiredate IS NULL OR expiredate > CURRENT_TIMESTAMP)",
                      .expired = "expiredate IS NOT NULL AND expiredate <= CURRENT_TIMESTAMP",
                      .value = "$2::text::jsonb",
                      .etag_arg = "$5",
                      .read = "value, xmin, expiredate, isbinary"};
constexpr Columns kV2{.etag = "etag",
                      .expiry = "expires_at",
                      .updated = "updated_at",
                      .live = "(expires_at IS NULL OR expires_at > CURRENT_TIMESTAMP)",
                      .expired = "expires_at IS NOT NULL AND expires_at <= CURRENT_TIMESTAMP",
                      .value = "$2::bytea",
                      .etag_arg = "$4::text::uuid",
                      .read = "value, etag, expires_at"};

std::string Checked(std::string_view statement) {
  return StrCat("WITH done AS (", statement, " RETURNING 1) SELECT 1 / count(*) FROM done");
}

}  // namespace

std::string_view LiveCondition(Layout layout) {
  return layout == Layout::kV1 ? kV1.live : kV2.live;
}

Statements::Statements(postgres::Client& client, Layout layout, const Tables& tables) {
  const bool v1 = layout == Layout::kV1;
  const Columns& c = v1 ? kV1 : kV2;
  const std::string& table = tables.state.quoted;
  const std::string& metadata = tables.metadata.quoted;
  const auto prepare = [&client](std::string sql) { return &client.Prepare(std::move(sql)); };
  const std::string expiry = "CURRENT_TIMESTAMP + $3::bigint * interval '1 second'";

  get = prepare(StrCat("SELECT ", c.read, " FROM ", table, " WHERE key = $1 AND ", c.live));
  get_many = prepare(
      StrCat("SELECT ", c.read, ", key FROM ", table, " WHERE key = ANY($1::text[]) AND ", c.live));

  const std::string columns =
      StrCat("INSERT INTO ", table, " AS old (key, value, ", c.expiry, v1 ? ", isbinary) " : ") ");
  const std::string replace =
      StrCat(" ON CONFLICT (key) DO UPDATE SET value = excluded.value, ", c.updated,
             " = CURRENT_TIMESTAMP, ", c.expiry, " = excluded.", c.expiry,
             v1 ? ", isbinary = excluded.isbinary" : ", etag = gen_random_uuid()");
  const std::string upsert =
      StrCat(columns, "VALUES ($1, ", c.value, ", ", expiry, v1 ? ", $4)" : ")", replace);
  set = prepare(upsert);
  const std::string only_new = StrCat(upsert, " WHERE old.", c.expiry, " IS NOT NULL AND old.",
                                      c.expiry, " <= CURRENT_TIMESTAMP");
  insert = prepare(only_new);
  checked_insert = prepare(Checked(only_new));
  const std::string change =
      StrCat("UPDATE ", table, " SET value = ", c.value, ", ", c.updated, " = CURRENT_TIMESTAMP, ",
             c.expiry, " = ", expiry, v1 ? ", isbinary = $4" : ", etag = gen_random_uuid()",
             " WHERE key = $1 AND ", c.etag, " = ", c.etag_arg, " AND ", c.live);
  update = prepare(change);
  checked_update = prepare(Checked(change));
  set_many = prepare(
      v1 ? StrCat(columns,
                  "SELECT k, v::jsonb, CURRENT_TIMESTAMP + t * interval '1 second', b FROM "
                  "unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) AS new (k, v, t, b)",
                  replace)
         : StrCat(columns,
                  "SELECT k, v, CURRENT_TIMESTAMP + t * interval '1 second' FROM "
                  "unnest($1::text[], $2::bytea[], $3::bigint[]) AS new (k, v, t)",
                  replace));

  const std::string remove = StrCat("DELETE FROM ", table, " WHERE key = ");
  erase = prepare(StrCat(remove, "$1"));
  erase_many = prepare(StrCat(remove, "ANY($1::text[])"));
  const std::string remove_etag =
      StrCat(remove, "$1 AND ", c.etag, v1 ? " = $2" : " = $2::text::uuid", " AND ", c.live);
  erase_etag = prepare(remove_etag);
  checked_erase = prepare(Checked(remove_etag));

  keys_like = prepare(StrCat("SELECT key FROM ", table, " WHERE key LIKE $1 AND ($2::text IS NULL ",
                             "OR key > $2) AND ", c.live, " ORDER BY key LIMIT $3::bigint"));
  // The condition keeps several processes from cleaning up in one interval.
  claim_cleanup = prepare(
      StrCat("INSERT INTO ", metadata, " AS old (key, value) VALUES ('", tables.cleanup_key,
             "', CURRENT_TIMESTAMP::text) ON CONFLICT (key) DO UPDATE SET value = excluded.value ",
             "WHERE (EXTRACT('epoch' FROM CURRENT_TIMESTAMP - old.value::timestamptz) * 1000)",
             "::bigint > $1"));
  cleanup = prepare(StrCat("DELETE FROM ", table, " WHERE ", c.expired));
  ping = prepare("SELECT 1");
  check = prepare(StrCat("SELECT key, ", c.read, ", ", c.updated, " FROM ", table, " LIMIT 0"));
}

}  // namespace components::state::postgresql
