#include "components/postgres/client.hpp"

#include <gtest/gtest.h>

#include "components/postgres/test_client.hpp"

namespace components::postgres {
namespace {

using base::Kind;
using std::chrono::milliseconds;

TEST(Client, SignsInWithScramMd5AndOverTheSocket) {
  TestServer& server = SharedServer();
  TestClient scram(server.connection());
  EXPECT_EQ(scram.Good("SELECT current_user || '/' || inet_client_addr()"),
            "postgres/127.0.0.1/32");
  TestClient socket(server.local_connection());
  EXPECT_EQ(socket.Good("SELECT inet_client_addr() IS NULL"), "t");
  server.sql().Exec("SET password_encryption = 'md5'; CREATE ROLE md5_user LOGIN PASSWORD 'p q'");
  TestClient md5(base::StrCat("postgres://md5_user:p%20q@localhost:", server.port(), "/postgres"));
  EXPECT_EQ(md5.Good("SELECT current_user"), "md5_user");
}

TEST(Client, SpeaksTls) {
  TestServer server({.tls = true});
  server.sql().Exec("CREATE ROLE tls_user LOGIN PASSWORD 'p'");
  const std::string place =
      base::StrCat("port=", server.port(), " user=tls_user password=p dbname=postgres ");
  const std::string uses = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  for (const char* mode : {"prefer", "allow", "require"}) {
    TestClient client(base::StrCat("host=127.0.0.1 sslmode=", mode, " ", place));
    EXPECT_EQ(client.Good(uses), "t") << mode;
  }
  TestClient full("host=localhost sslmode=verify-full " + place,
                  {{"sslRootCert", server.ca_file()}});
  EXPECT_EQ(full.Good(uses), "t");
  // More than one TLS record and more than the socket takes at once.
  EXPECT_EQ(full.Good("SELECT length(repeat('x', 3000000))"), "3000000");
  EXPECT_EQ(full.Good("SELECT repeat('x', 3000000)").size(), 3'000'000U);

  TestClient plain("host=127.0.0.1 sslmode=disable " + place);
  EXPECT_FALSE(plain.Text(uses));
  for (const char* mode : {"verify-ca", "verify-full"}) {
    TestClient unknown(base::StrCat("host=localhost sslmode=", mode, " ", place));
    const auto refused = unknown.Text(uses);
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().kind, Kind::kUnreachable);
    EXPECT_NE(refused.error().message.find("certificate verify failed"), std::string::npos)
        << refused.error().message;
  }
  // The name must fit with verify-full only; hostaddr is where to go, host what is expected.
  TestClient wrong_name("host=other hostaddr=127.0.0.1 sslmode=verify-full " + place,
                        {{"sslRootCert", server.ca_file()}});
  const auto refused = wrong_name.Text(uses);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("does not match host name"), std::string::npos)
      << refused.error().message;
  TestClient any_name("host=other hostaddr=127.0.0.1 sslmode=verify-ca " + place,
                      {{"sslRootCert", server.ca_file()}});
  EXPECT_EQ(any_name.Good(uses), "t");
}

TEST(Client, TriesHostsInOrderForWhatIsWanted) {
  TestServer& server = SharedServer();
  const std::string rest = base::StrCat(
      " user=postgres password='pass word\\'s' dbname=postgres port=1,", server.port());
  TestClient client("host=127.0.0.1,localhost" + rest);
  EXPECT_EQ(client.Good("SELECT 1"), "1");
  const std::string here = server.connection();
  EXPECT_EQ(TestClient(here + " target_session_attrs=read-write").Good("SELECT 1"), "1");
  EXPECT_EQ(TestClient(here + " target_session_attrs=primary").Good("SELECT 1"), "1");
  EXPECT_EQ(TestClient(here + " target_session_attrs=prefer-standby").Good("SELECT 1"), "1");
  for (const char* attributes : {"standby", "read-only"}) {
    const auto none = TestClient(here + " target_session_attrs=" + attributes).Text("SELECT 1");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, Kind::kUnreachable) << none.error().message;
  }
}

TEST(Client, SettingsReachTheSession) {
  TestClient client(SharedServer().connection() + " search_path='\"a b\", c' work_mem=5MB");
  EXPECT_EQ(client.Good("SHOW work_mem"), "5MB");
  EXPECT_EQ(client.Good("SHOW search_path"), "\"a b\", c");
  EXPECT_EQ(client.Good("SHOW statement_timeout"), "20s");
  EXPECT_EQ(client.Good("SHOW client_encoding"), "UTF8");
  EXPECT_EQ(client.Good("SHOW application_name"), "daprd");
}

async::Task<void> ReadOne(Client& client, std::string sql, std::vector<std::string>& out,
                          std::size_t at) {
  const async::Context context;
  const Query query{.sql = sql, .params = {}, .text_results = true};
  const auto rows = co_await client.Read(context, query);
  out[at] = rows ? std::string(rows->Bytes(0, 0)) : "error: " + rows.error().message;
}

TEST(Client, AReadThatFailsTakesNoOtherDown) {
  TestClient client(SharedServer().connection());
  EXPECT_EQ(client.Good("SELECT 1"), "1");
  client.Run([](Client& one, const async::Context&) -> async::Task<void> {
    std::vector<std::string> out(9);
    async::Gate gate;
    // All in one turn, so in one segment.
    for (std::size_t i = 0; i < out.size(); ++i) {
      gate.Spawn(ReadOne(one, i % 3 == 1 ? "SELECT 1 / 0" : base::StrCat("SELECT ", i), out, i));
    }
    co_await WaitUntilEmpty(gate);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 3 == 1) {
        EXPECT_EQ(out[i], "error: postgresql: division by zero (SQLSTATE 22012)");
      } else {
        EXPECT_EQ(out[i], std::to_string(i));
      }
    }
  });
  EXPECT_EQ(client.client().open_connections(), 1);
}

TEST(Client, ATransactionIsAllOrNothing) {
  Sql raw = SharedServer().sql();
  raw.Exec("CREATE TABLE all_or_nothing (id int PRIMARY KEY)");
  TestClient client(SharedServer().connection());
  client.Run([](Client& one, const async::Context& context) -> async::Task<void> {
    std::vector<std::string> texts;
    for (int i = 0; i < 1000; ++i) {
      texts.push_back(base::StrCat("INSERT INTO all_or_nothing VALUES (", i, ")"));
    }
    texts.push_back("INSERT INTO all_or_nothing VALUES (500)");
    std::vector<Query> queries;
    for (const std::string& text : texts) queries.push_back({.sql = text, .params = {}});
    const auto failure = co_await one.Transaction(context, queries);
    EXPECT_TRUE(failure);
    if (!failure) co_return;
    EXPECT_EQ(failure->index, 1000U);
    EXPECT_EQ(failure->sqlstate, "23505");
    queries.pop_back();
    EXPECT_FALSE(co_await one.Transaction(context, queries));
  });
  EXPECT_EQ(raw.One("SELECT count(*) FROM all_or_nothing"), "1000");
}

// The commit comes after the statement's own answer; what fails there has failed.
TEST(Client, AFailureAtTheCommitIsSeen) {
  Sql raw = SharedServer().sql();
  raw.Exec("CREATE TABLE parent (id int PRIMARY KEY)");
  raw.Exec("CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
  TestClient client(SharedServer().connection());
  const auto done = client.Text("INSERT INTO child VALUES (1)", 0, true);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("foreign key"), std::string::npos) << done.error().message;
  EXPECT_TRUE(client.Text("INSERT INTO parent VALUES (1)", 0, true));
  EXPECT_TRUE(client.Text("INSERT INTO child VALUES (1)", 0, true));
  EXPECT_EQ(raw.One("SELECT count(*) FROM child"), "1");
}

TEST(Client, StatementsThatTheServerHasForgottenArePreparedAgain) {
  Sql raw = SharedServer().sql();
  raw.Exec("CREATE TABLE forgotten (id int)");
  raw.Exec("INSERT INTO forgotten VALUES (7)");
  TestClient client(SharedServer().connection(), {{"maxConns", "1"}});
  const Statement& select = client.client().Prepare("SELECT * FROM forgotten");
  const Statement& insert = client.client().Prepare("INSERT INTO forgotten VALUES (8)");
  const auto read = [&] {
    std::string out;
    client.Run([&](Client& one, const async::Context& context) -> async::Task<void> {
      const auto rows = co_await one.Read(context, {.statement = &select, .params = {}});
      out = rows ? base::StrCat(rows->columns(), "/", rows->size()) : rows.error().message;
    });
    return out;
  };
  const auto write = [&] {
    client.Run([&](Client& one, const async::Context& context) -> async::Task<void> {
      const auto rows = co_await one.Write(context, {.statement = &insert, .params = {}});
      EXPECT_TRUE(rows) << rows.error().message;
    });
  };
  EXPECT_EQ(read(), "1/1");
  write();
  EXPECT_TRUE(client.Text("DEALLOCATE ALL", 0, true));
  EXPECT_EQ(read(), "1/2");
  EXPECT_TRUE(client.Text("DEALLOCATE ALL", 0, true));
  write();
  raw.Exec("ALTER TABLE forgotten ADD COLUMN more int");  // "cached plan must not change"
  EXPECT_EQ(read(), "2/3");
  write();
  EXPECT_EQ(read(), "2/4");
}

TEST(Client, LargeParametersAndManyAtOnce) {
  TestClient client(SharedServer().connection());
  const Statement& echo = client.client().Prepare("SELECT $1::text, $2::bigint");
  client.Run([&](Client& one, const async::Context&) -> async::Task<void> {
    async::Gate gate;
    int good = 0;
    for (int i = 0; i < 50; ++i) {
      gate.Spawn([](Client& client, const Statement& statement, int number,
                    int& count) -> async::Task<void> {
        const async::Context context;
        const std::string large(400'000, static_cast<char>('a' + number % 26));
        Query query{.statement = &statement, .params = {}};
        query.params.Text(large).Int8(-number);
        const auto rows = co_await client.Read(context, query);
        EXPECT_TRUE(rows) << rows.error().message;
        if (rows && rows->Bytes(0, 0) == large && rows->Int64(0, 1) == -number) ++count;
      }(one, echo, i, good));
    }
    co_await WaitUntilEmpty(gate);
    EXPECT_EQ(good, 50);
  });
}

TEST(Client, TypesOfColumns) {
  TestClient client(SharedServer().connection());
  client.Run([](Client& one, const async::Context& context) -> async::Task<void> {
    const auto rows = co_await one.Read(
        context,
        {.sql = "SELECT true AS yes, false, '\\x00ff'::bytea, NULL::text, 4294967295::oid, "
                "(-5)::bigint, '2024-05-06T07:08:09.5Z'::timestamptz, '{\"a\": 1}'::jsonb, "
                "'f81d4fae-7dec-41d0-a765-00a0c91e6bf6'::uuid, 'infinity'::timestamptz, "
                "'-infinity'::timestamptz, ''::text",
         .params = {}});
    EXPECT_TRUE(rows) << rows.error().message;
    if (!rows) co_return;
    EXPECT_TRUE(rows->Bool(0, 0));
    EXPECT_FALSE(rows->Bool(0, 1));
    EXPECT_EQ(rows->Bytes(0, 2), std::string_view("\0\xff", 2));
    EXPECT_TRUE(rows->IsNull(0, 3));
    EXPECT_EQ(rows->Uint32(0, 4), 4294967295U);
    EXPECT_EQ(rows->Int64(0, 5), -5);
    EXPECT_EQ(base::FormatRfc3339Nano(rows->Time(0, 6)), "2024-05-06T07:08:09.5Z");
    EXPECT_EQ(rows->Jsonb(0, 7), "{\"a\": 1}");
    EXPECT_EQ(rows->Uuid(0, 8), "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
    EXPECT_EQ(rows->Time(0, 9), base::WallTime::max());
    EXPECT_EQ(rows->Time(0, 10), base::WallTime::min());
    EXPECT_FALSE(rows->IsNull(0, 11));
    EXPECT_EQ(rows->column_name(0), "yes");
    EXPECT_EQ(rows->column_type(3), 25U);
  });
}

TEST(Client, ASessionKeepsItsStateAndHearsNotifications) {
  TestClient client(SharedServer().connection());
  client.Run([](Client& one, const async::Context& context) -> async::Task<void> {
    auto session = co_await one.OpenSession(context);
    EXPECT_TRUE(session) << session.error().message;
    if (!session) co_return;
    std::string heard;
    async::Event event;
    (*session)->connection().OnNotification(
        [&](std::string_view channel, std::string_view payload) {
          base::StrAppend(heard, channel, ":", payload, ";");
          event.Set();
        });
    for (const char* sql : {"LISTEN changes", "CREATE TEMPORARY TABLE mine (id int)",
                            "INSERT INTO mine VALUES (1)", "SELECT * FROM mine"}) {
      const auto rows = co_await (*session)->Run(context, {.sql = sql, .params = {}});
      EXPECT_TRUE(rows) << rows.error().message;
    }
    const auto sent = co_await one.Write(context, {.sql = "NOTIFY changes, 'hello'", .params = {}});
    EXPECT_TRUE(sent) << sent.error().message;
    const async::Context limit(async::Loop::Current()->After(std::chrono::seconds(5)));
    EXPECT_EQ(co_await event.Wait(limit), async::Wake::kReady);
    EXPECT_EQ(heard, "changes:hello;");
  });
}

}  // namespace
}  // namespace components::postgres
