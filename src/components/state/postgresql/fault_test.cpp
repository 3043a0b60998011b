// What people meet when the server is not as it should be.
#include <gtest/gtest.h>

#include "components/state/postgresql/test_store.hpp"

namespace components::state::postgresql {
namespace {

using base::Kind;
using postgres::TestServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

void ExpectStartFails(const Entries& entries, Kind kind, std::string_view text,
                      Layout layout = Layout::kV1) {
  TestStore store(layout, entries, seconds(5));
  ASSERT_FALSE(store.status());
  EXPECT_EQ(store.status().error().kind, kind) << store.status().error().message;
  EXPECT_NE(store.status().error().message.find(text), std::string::npos)
      << store.status().error().message;
  EXPECT_EQ(store.status().error().message.find("wrong-secret"), std::string::npos);
}

TEST(Fault, WrongPasswordDatabaseAndAddress) {
  TestServer& server = postgres::SharedServer();
  const std::string place = base::StrCat("host=127.0.0.1 sslmode=disable port=", server.port());
  ExpectStartFails({{"connectionString", place + " user=postgres password=wrong-secret"}},
                   Kind::kUnauthenticated, "password authentication failed for user \"postgres\"");
  ExpectStartFails({{"connectionString", server.connection()}, {"database", "nothing"}},
                   Kind::kNotFound, "database \"nothing\" does not exist");
  ExpectStartFails({{"connectionString", "host=127.0.0.1 port=1 user=u password=wrong-secret"}},
                   Kind::kUnreachable, "127.0.0.1:1: Connection refused");
  ExpectStartFails({{"connectionString", "host=/nonexistent user=u"}}, Kind::kUnreachable,
                   "/nonexistent/.s.PGSQL.5432");
  ExpectStartFails({{"connectionString", "host=no-such-host.invalid user=u password=wrong-secret"}},
                   Kind::kUnreachable, "no-such-host.invalid");
  ExpectStartFails({{"connectionString", server.connection() + " sslmode=require"}},
                   Kind::kUnreachable, "SSL");
}

TEST(Fault, MissingPermissionsAreNamed) {
  TestServer& server = postgres::SharedServer();
  server.sql().Exec("CREATE ROLE weak LOGIN PASSWORD 'p'");
  server.sql().Exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  const std::string weak =
      base::StrCat("host=127.0.0.1 port=", server.port(), " user=weak password=p dbname=postgres");
  ExpectStartFails(With({{"connectionString", weak}}, OwnTables(Layout::kV1, "denied1")),
                   Kind::kPermissionDenied, "permission denied for schema public");
  // A reader may read what another made.
  TestStore owner = TestStore::Shared(Layout::kV1, "denied2");
  ASSERT_TRUE(owner.Set({.key = "k", .value = "1", .json = true}));
  server.sql().Exec("GRANT SELECT ON denied2, denied2_meta TO weak");
  TestStore reader(Layout::kV1,
                   With({{"connectionString", weak}}, OwnTables(Layout::kV1, "denied2")));
  ASSERT_TRUE(reader.status()) << reader.status().error().message;
  EXPECT_EQ(reader.Get("k")->data, "1");
  const base::Status denied = reader.Set({.key = "k", .value = "2", .json = true});
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().kind, Kind::kPermissionDenied) << denied.error().message;
}

TEST(Fault, AReadOnlyServerCanBeReadFrom) {
  TestServer& server = postgres::SharedServer();
  TestStore owner = TestStore::Shared(Layout::kV2, "readonly_");
  ASSERT_TRUE(owner.Set({.key = "k", .value = "1"}));
  const std::string read_only = server.connection() + " default_transaction_read_only=on";
  TestStore store(Layout::kV2,
                  With({{"connectionString", read_only}}, OwnTables(Layout::kV2, "readonly_")));
  ASSERT_TRUE(store.status()) << store.status().error().message;
  EXPECT_EQ(store.Get("k")->data, "1");
  for (const base::Status& status :
       {store.Set({.key = "k", .value = "2"}), store.Delete({.key = "k"}),
        store.Multi({.operations = {contracts::DeleteRequest{.key = "k"}}, .metadata = {}})}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, Kind::kPermissionDenied) << status.error().message;
    EXPECT_NE(status.error().message.find("target_session_attrs=read-write"), std::string::npos);
  }
  ExpectStartFails({{"connectionString", read_only + " target_session_attrs=read-write"}},
                   Kind::kUnreachable, "read-only");
}

TEST(Fault, AFullDiskIsExplained) {
  // The server's own error for it, raised by a trigger: its disk is also that of the tests.
  TestServer server;
  TestStore store(Layout::kV1, {{"connectionString", server.connection()}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  server.sql().Exec(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; "
      "END $$");
  server.sql().Exec(
      "CREATE TRIGGER full_disk BEFORE INSERT ON state FOR EACH ROW WHEN (NEW.key = 'full') "
      "EXECUTE FUNCTION full_disk()");
  const base::Status full =
      store.Multi({.operations = {contracts::SetRequest{.key = "a", .value = "1"},
                                  contracts::SetRequest{.key = "full", .value = "1"}},
                   .metadata = {}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, Kind::kExhausted) << full.error().message;
  EXPECT_NE(full.error().message.find("free space on the server's disk"), std::string::npos);
  EXPECT_FALSE(store.Get("a")->found);
  EXPECT_TRUE(store.Set({.key = "a", .value = "1"}));
}

// Until it succeeds, or `limit` has passed.
template <class F>
bool Eventually(std::chrono::steady_clock::duration limit, F attempt) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (attempt()) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

TEST(Fault, AKilledServerFailsClearlyAndComesBack) {
  TestServer server({.durable = true});
  TestStore store(Layout::kV2, {{"connectionString", server.connection()}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  ASSERT_TRUE(store.Set({.key = "k", .value = "1"}));
  ASSERT_TRUE(store.Get("k", 1));
  for (const bool crash : {true, false}) {
    crash ? server.Kill() : server.Stop();
    for (int i = 0; i < 5; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const base::Status down = store.Set({.key = "k", .value = "2"}, i % 2);
      ASSERT_FALSE(down);
      EXPECT_TRUE(down.error().kind == Kind::kUnreachable ||
                  down.error().kind == Kind::kUnavailable)
          << down.error().message;
      EXPECT_FALSE(store.Get("k", i % 2));
      EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(3));
    }
    server.Start();
    EXPECT_TRUE(Eventually(seconds(2), [&] { return store.Get("k", 0).has_value(); }));
    EXPECT_TRUE(Eventually(seconds(2), [&] { return store.Get("k", 1).has_value(); }));
    EXPECT_EQ(store.Get("k")->data, "1");
    EXPECT_TRUE(store.Set({.key = "k", .value = "1"}));
  }
}

TEST(Fault, AnIdleConnectionThatTheServerHasClosedIsReplacedUnseen) {
  TestStore store = TestStore::Shared(Layout::kV2, "replaced_", {});
  ASSERT_TRUE(store.Set({.key = "k", .value = "1"}));
  for (int i = 0; i < 5; ++i) {
    postgres::SharedServer().sql().Exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'daprd'");
    EXPECT_TRUE(Eventually(seconds(2), [&] { return store.Get("k").has_value(); }));
    const auto got = store.Get("k");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(store.Set({.key = "k", .value = "1"}));
  }
}

TEST(Fault, APausedServerEndsInTimeoutsAndGoesOn) {
  TestServer server;
  TestStore store(Layout::kV2, {{"connectionString", server.connection()}, {"timeout", "1s"}});
  ASSERT_TRUE(store.Set({.key = "k", .value = "1"}));
  server.Pause();
  const auto start = std::chrono::steady_clock::now();
  const auto got = store.Get("k");
  const base::Status set = store.Set({.key = "k", .value = "2"});
  const auto other = store.Get("k", 1);  // has no connection yet
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(3500));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, Kind::kTimeout) << got.error().message;
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().kind, Kind::kTimeout) << set.error().message;
  ASSERT_FALSE(other);
  // Longer than the connection is waited for, so that it is replaced.
  std::this_thread::sleep_for(milliseconds(2500));
  server.Resume();
  EXPECT_TRUE(Eventually(seconds(2), [&] { return store.Get("k").has_value(); }));
  EXPECT_TRUE(Eventually(seconds(2), [&] { return store.Get("k", 1).has_value(); }));
  EXPECT_TRUE(store.Set({.key = "k", .value = "3"}));
}

TEST(Fault, AWriteThatWaitsForALockHoldsUpNoReads) {
  TestStore store = TestStore::Shared(Layout::kV2, "locked_", {{"timeout", "2s"}});
  ASSERT_TRUE(store.Set({.key = "locked", .value = "1"}));
  ASSERT_TRUE(store.Set({.key = "free", .value = "1"}));
  postgres::Sql blocker = postgres::SharedServer().sql();
  blocker.Exec("BEGIN");
  blocker.Exec("UPDATE locked_state SET value = '9' WHERE key = 'locked'");
  int slow = 0;
  base::Status locked;
  store.loops().RunTaskOn(0, [&]() -> async::Task<void> {
    const contracts::Call call;
    async::Gate gate;
    gate.Spawn([](Store& store, base::Status& out) -> async::Task<void> {
      const contracts::Call call;
      out = co_await store.Set(call, {.key = "locked", .value = "2"});
    }(store.store(), locked));
    for (int i = 0; i < 50; ++i) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_TRUE((co_await store.store().Get(call, {.key = "free"})).has_value());
      EXPECT_TRUE((co_await store.store().Set(call, {.key = "free", .value = "2"})).has_value());
      if (std::chrono::steady_clock::now() - start > milliseconds(500)) ++slow;
    }
    const async::Context context(async::Loop::Current()->After(seconds(5)));
    while (gate.size() > 0) {
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(20)));
    }
    co_await gate.Close(context);
  });
  EXPECT_LE(slow, 1);  // the one that opened another connection
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().kind, Kind::kTimeout) << locked.error().message;
  blocker.Exec("ROLLBACK");
  EXPECT_EQ(store.Get("locked")->data, "1");
}

}  // namespace
}  // namespace components::state::postgresql
