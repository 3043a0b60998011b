// The table layout is a contract: people move a database between this runtime and Dapr's. Rows
// written through the store are read here with plain SQL, and the other way round.
#include <gtest/gtest.h>

#include "components/state/postgresql/test_store.hpp"

namespace components::state::postgresql {
namespace {

using postgres::Sql;
using postgres::SqlRow;
using Rows = std::vector<SqlRow>;

Sql Raw() {
  return postgres::SharedServer().sql();
}

std::string ColumnsOf(const std::string& table) {
  return base::StrCat(
      "SELECT column_name, data_type, is_nullable, column_default, is_identity, "
      "identity_generation FROM information_schema.columns WHERE table_name = '",
      table, "' ORDER BY ordinal_position");
}
std::string IndexesOf(const std::string& table) {
  return base::StrCat("SELECT indexname, indexdef LIKE 'CREATE UNIQUE%', ",
                      "substring(indexdef from '\\(.*\\)') FROM pg_indexes WHERE tablename = '",
                      table, "' ORDER BY indexname");
}

TEST(Layout, V1TablesHaveTheDocumentedColumns) {
  TestStore store = TestStore::Shared(Layout::kV1, "layout1");
  ASSERT_TRUE(store.status()) << store.status().error().message;
  const std::string time = "timestamp with time zone";
  const Rows columns{{"key", "text", "NO", std::nullopt, "NO", std::nullopt},
                     {"value", "jsonb", "NO", std::nullopt, "NO", std::nullopt},
                     {"isbinary", "boolean", "NO", std::nullopt, "NO", std::nullopt},
                     {"insertdate", time, "NO", "now()", "NO", std::nullopt},
                     {"updatedate", time, "YES", std::nullopt, "NO", std::nullopt},
                     {"expiredate", time, "YES", std::nullopt, "NO", std::nullopt},
                     {"row_id", "bigint", "NO", std::nullopt, "YES", "BY DEFAULT"}};
  EXPECT_EQ(Raw().Query(ColumnsOf("layout1")), columns);
  EXPECT_EQ(Raw().Query(IndexesOf("layout1")),
            (Rows{{"layout1_pkey", "t", "(key)"}, {"layout1_row_id_uidx", "t", "(row_id)"}}));
  EXPECT_EQ(Raw().Query(ColumnsOf("layout1_meta")),
            (Rows{{"key", "text", "NO", std::nullopt, "NO", std::nullopt},
                  {"value", "text", "NO", std::nullopt, "NO", std::nullopt}}));
  EXPECT_EQ(Raw().Query("SELECT key, value FROM layout1_meta ORDER BY key"),
            (Rows{{"lock", "lock"}, {"migrations", "3"}}));
}

TEST(Layout, V2TablesHaveTheDocumentedColumns) {
  TestStore store = TestStore::Shared(Layout::kV2, "layout2_");
  ASSERT_TRUE(store.status()) << store.status().error().message;
  const std::string time = "timestamp with time zone";
  const Rows columns{{"key", "text", "NO", std::nullopt, "NO", std::nullopt},
                     {"value", "bytea", "NO", std::nullopt, "NO", std::nullopt},
                     {"etag", "uuid", "NO", "gen_random_uuid()", "NO", std::nullopt},
                     {"created_at", time, "NO", "now()", "NO", std::nullopt},
                     {"updated_at", time, "YES", std::nullopt, "NO", std::nullopt},
                     {"expires_at", time, "YES", std::nullopt, "NO", std::nullopt},
                     {"row_id", "bigint", "NO", std::nullopt, "YES", "BY DEFAULT"}};
  EXPECT_EQ(Raw().Query(ColumnsOf("layout2_state")), columns);
  EXPECT_EQ(Raw().Query(IndexesOf("layout2_state")),
            (Rows{{"layout2_state_expires_at_idx", "f", "(expires_at)"},
                  {"layout2_state_pkey", "t", "(key)"},
                  {"layout2_state_row_id_uidx", "t", "(row_id)"}}));
  EXPECT_EQ(Raw().Query("SELECT key, value FROM layout2__meta ORDER BY key"),
            (Rows{{"lock", "lock"}, {"migrations-state-v2-layout2_", "2"}}));
}

contracts::SetRequest WithTtl(contracts::SetRequest request, const char* seconds) {
  request.metadata.Set("ttlInSeconds", seconds);
  return request;
}

TEST(Layout, V1RowsAreAsDocumented) {
  TestStore store = TestStore::Shared(Layout::kV1, "rows1");
  ASSERT_TRUE(store.Set({.key = "json", .value = R"({"b":1,"a":"\u003c"})", .json = true}));
  ASSERT_TRUE(store.Set({.key = "bytes", .value = std::string("\0\xff", 2)}));
  ASSERT_TRUE(store.Set(WithTtl({.key = "ttl", .value = "1", .json = true}, "3600")));
  Sql raw = Raw();
  EXPECT_EQ(raw.Query("SELECT value, isbinary, updatedate, expiredate FROM rows1 "
                      "WHERE key = 'json'"),
            (Rows{{R"({"a": "<", "b": 1})", "f", std::nullopt, std::nullopt}}));
  EXPECT_EQ(raw.Query("SELECT value, isbinary FROM rows1 WHERE key = 'bytes'"),
            (Rows{{R"("AP8=")", "t"}}));
  EXPECT_EQ(raw.One("SELECT abs(extract(epoch FROM expiredate - now()) - 3600) < 5 FROM rows1 "
                    "WHERE key = 'ttl'"),
            "t");
  EXPECT_EQ(raw.Query("SELECT key, row_id FROM rows1 ORDER BY row_id"),
            (Rows{{"json", "1"}, {"bytes", "2"}, {"ttl", "3"}}));
  ASSERT_TRUE(store.Set({.key = "ttl", .value = "2", .json = true}));
  EXPECT_EQ(raw.Query("SELECT updatedate > insertdate, expiredate, row_id FROM rows1 "
                      "WHERE key = 'ttl'"),
            (Rows{{"t", std::nullopt, "3"}}));
  // Read back as PostgreSQL's own text.
  EXPECT_EQ(store.Get("json")->data, R"({"a": "<", "b": 1})");
}

TEST(Layout, V2RowsAreAsDocumented) {
  TestStore store = TestStore::Shared(Layout::kV2, "rows2_");
  ASSERT_TRUE(store.Set({.key = "json", .value = R"({"b":1,"a":"\u003c"})", .json = true}));
  ASSERT_TRUE(store.Set(WithTtl({.key = "bytes", .value = std::string("\0\xff", 2)}, "60")));
  Sql raw = Raw();
  EXPECT_EQ(raw.Query("SELECT convert_from(value, 'UTF8'), updated_at, expires_at FROM "
                      "rows2_state WHERE key = 'json'"),
            (Rows{{R"({"b":1,"a":"\u003c"})", std::nullopt, std::nullopt}}));
  EXPECT_EQ(raw.Query("SELECT value, abs(extract(epoch FROM expires_at - now()) - 60) < 5 FROM "
                      "rows2_state WHERE key = 'bytes'"),
            (Rows{{"\\x00ff", "t"}}));
  EXPECT_EQ(*store.Get("json")->etag, raw.One("SELECT etag FROM rows2_state WHERE key = 'json'"));
  const std::string before = *store.Get("json")->etag;
  ASSERT_TRUE(store.Set({.key = "json", .value = "1", .json = true}));
  EXPECT_NE(*store.Get("json")->etag, before);
  EXPECT_EQ(raw.One("SELECT updated_at > created_at FROM rows2_state WHERE key = 'json'"), "t");
}

TEST(Layout, RowsOfBulkSetsAreTheSame) {
  TestStore v1 = TestStore::Shared(Layout::kV1, "bulkrows1");
  TestStore v2 = TestStore::Shared(Layout::kV2, "bulkrows2_");
  for (TestStore* store : {&v1, &v2}) {
    std::vector<contracts::SetRequest> requests{
        {.key = "a", .value = "1", .json = true},
        WithTtl({.key = "b", .value = std::string("\0\xff", 2)}, "60")};
    ASSERT_TRUE(store->Run<base::Status>([&](const contracts::Call& call) {
      return store->store().BulkSet(call, std::move(requests), {});
    }));
    EXPECT_EQ(store->Get("b")->data, std::string("\0\xff", 2));
    EXPECT_FALSE(store->Get("b")->metadata.empty());
  }
  EXPECT_EQ(
      Raw().Query("SELECT key, value, isbinary, expiredate IS NULL FROM bulkrows1 ORDER BY 1"),
      (Rows{{"a", "1", "f", "t"}, {"b", R"("AP8=")", "t", "f"}}));
  EXPECT_EQ(Raw().Query("SELECT key, value, expires_at IS NULL FROM bulkrows2_state ORDER BY 1"),
            (Rows{{"a", "\\x31", "t"}, {"b", "\\x00ff", "f"}}));
}

TEST(Layout, V1RowsOfOthersAreRead) {
  TestStore store = TestStore::Shared(Layout::kV1, "others1");
  Raw().Exec(
      "INSERT INTO others1 (key, value, isbinary, expiredate) VALUES "
      "('json', '{\"b\":[1, 2]}', false, NULL), ('bytes', '\"AP8=\"', true, NULL), "
      "('text', '\"a\"', false, NULL), ('later', '1', false, '2999-12-31 23:59:59.5+00'), "
      "('past', '1', false, '2001-01-01'), ('broken', '\"***\"', true, NULL), "
      "('worse', '{}', true, NULL), ('never', '1', false, 'infinity')");
  EXPECT_EQ(store.Get("json")->data, R"({"b": [1, 2]})");
  EXPECT_EQ(store.Get("bytes")->data, std::string("\0\xff", 2));
  EXPECT_EQ(store.Get("text")->data, "\"a\"");
  EXPECT_TRUE(store.Get("later")->found);
  EXPECT_TRUE(store.Get("never")->found);
  EXPECT_FALSE(store.Get("past")->found);
  EXPECT_FALSE(store.Get("broken").has_value());
  EXPECT_FALSE(store.Get("worse").has_value());
  EXPECT_EQ(store.Get("json")->etag, Raw().One("SELECT xmin FROM others1 WHERE key = 'json'"));
  Raw().Exec("UPDATE others1 SET expiredate = '2199-12-31 23:59:59.5+00' WHERE key = 'later'");
  EXPECT_EQ(store.Get("later")->metadata,
            (contracts::Metadata{{"ttlExpireTime", "2199-12-31T23:59:59Z"}}));
}

TEST(Layout, V2RowsOfOthersAreRead) {
  TestStore store = TestStore::Shared(Layout::kV2, "others2_");
  Raw().Exec(
      "INSERT INTO others2_state (key, value, etag, expires_at) VALUES "
      "('a', '\\x00ff', 'F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6', NULL), "
      "('past', '1', gen_random_uuid(), now() - interval '1 second')");
  EXPECT_EQ(store.Get("a")->data, std::string("\0\xff", 2));
  EXPECT_EQ(store.Get("a")->etag, "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  EXPECT_FALSE(store.Get("past")->found);
  EXPECT_TRUE(
      store.Set({.key = "a", .value = "2", .etag = "F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6"}));
}

TEST(Layout, CleanupNotesItsTimeAndKeepsItsInterval) {
  for (const Layout layout : {Layout::kV1, Layout::kV2}) {
    const bool v1 = layout == Layout::kV1;
    const std::string name = v1 ? "clean1" : "clean2_";
    TestStore store = TestStore::Shared(layout, name, {{"cleanupInterval", "1h"}});
    Sql raw = Raw();
    const std::string table = v1 ? "clean1" : "clean2_state";
    const std::string row = v1 ? "last-cleanup" : "last-cleanup-state-v2-clean2_";
    const auto add = [&](const std::string& key) {
      ASSERT_TRUE(store.Set({.key = key, .value = "1", .json = true}));
      raw.Exec(base::StrCat("UPDATE ", table, " SET ", v1 ? "expiredate" : "expires_at",
                            " = now() - interval '1 second' WHERE key = '", key, "'"));
    };
    ASSERT_TRUE(store.Set({.key = "kept", .value = "1", .json = true}));
    add("one");
    EXPECT_EQ(store.Cleanup().value(), 1);
    EXPECT_EQ(
        raw.One(base::StrCat("SELECT abs(extract(epoch FROM now() - value::timestamptz)) < 5 ",
                             "FROM ", name, "_meta WHERE key = '", row, "'")),
        "t");
    add("two");
    EXPECT_EQ(store.Cleanup().value(), 0);
    raw.Exec(base::StrCat("UPDATE ", name, "_meta SET value = (now() - interval '2 hours')::text ",
                          "WHERE key = '", row, "'"));
    EXPECT_EQ(store.Cleanup().value(), 1);
    EXPECT_EQ(raw.One("SELECT count(*) FROM " + table), "1");
  }
}

TEST(Layout, TablesMayBeInSchemasAndHaveOddNames) {
  Raw().Exec("CREATE SCHEMA \"App One\"");
  const std::string target = postgres::SharedServer().connection();
  TestStore v1(Layout::kV1, {{"connectionString", target},
                             {"TABLENAME", "\"App One\".\"My 'state'\""},
                             {"metadataTableName", "\"App One\".Meta"}});
  ASSERT_TRUE(v1.status()) << v1.status().error().message;
  ASSERT_TRUE(v1.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_EQ(Raw().One("SELECT value FROM \"App One\".\"My 'state'\""), "1");
  EXPECT_EQ(Raw().One("SELECT value FROM \"App One\".meta WHERE key = 'migrations'"), "3");
  TestStore v2(Layout::kV2, {{"connectionString", target},
                             {"tablePrefix", "\"App One\".p_"},
                             {"metadataTableName", "\"App One\".Meta"}});
  ASSERT_TRUE(v2.status()) << v2.status().error().message;
  ASSERT_TRUE(v2.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_EQ(Raw().One("SELECT convert_from(value, 'UTF8') FROM \"App One\".p_state"), "1");
  // As a setting of the session.
  TestStore by_path(Layout::kV2, {{"connectionString", target + " search_path='\"App One\"'"},
                                  {"tablePrefix", "q_"}});
  ASSERT_TRUE(by_path.status()) << by_path.status().error().message;
  ASSERT_TRUE(by_path.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_EQ(Raw().One("SELECT count(*) FROM \"App One\".q_state"), "1");
}

}  // namespace
}  // namespace components::state::postgresql
