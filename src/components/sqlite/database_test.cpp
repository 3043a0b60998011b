#include "components/sqlite/database.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "components/sqlite/test_file.hpp"

namespace components::sqlite {
namespace {

using std::chrono::milliseconds;

std::unique_ptr<Database> Open(const std::string& text, Database::Options options = {}) {
  auto database = Database::Open(ParseConnectionString(text).value(), options);
  EXPECT_TRUE(database) << database.error().message;
  return *std::move(database);
}

TEST(Database, QueriesGiveTextAndChangesAreCounted) {
  const auto database = Open(":memory:");
  ASSERT_TRUE(database->Exec("CREATE TABLE t (a INTEGER, b TEXT)"));
  EXPECT_EQ(database->Change("INSERT INTO t VALUES (?1, ?2), (7, NULL)",
                             {int64_t{5}, std::string_view("it's\0x", 6)}),
            2);
  const auto rows = database->Query("SELECT a, b FROM t ORDER BY a", {});
  ASSERT_TRUE(rows);
  EXPECT_EQ(*rows, (std::vector<Database::Row>{{"5", std::string("it's\0x", 6)}, {"7", ""}}));
  EXPECT_EQ(database->Change("DELETE FROM t WHERE a = ?1", {int64_t{6}}), 0);
  EXPECT_FALSE(database->Query("SELECT x FROM t", {}));
}

TEST(Database, AFailedTransactionLeavesNothing) {
  const auto database = Open(":memory:");
  ASSERT_TRUE(database->Exec("CREATE TABLE t (a INTEGER UNIQUE)"));
  EXPECT_FALSE(database->Transaction("IMMEDIATE", [&]() -> base::Status {
    RETURN_IF_ERROR(database->Exec("INSERT INTO t VALUES (1)"));
    return database->Exec("INSERT INTO t VALUES (1)");
  }));
  EXPECT_EQ(database->Query("SELECT COUNT(*) FROM t", {})->front().front(), "0");
  EXPECT_TRUE(database->Transaction("IMMEDIATE",
                                    [&] { return database->Exec("INSERT INTO t VALUES (1)"); }));
}

TEST(Database, LongStatementsEndAtTheDeadline) {
  const auto database = Open(":memory:");
  database->set_deadline(base::Clock::now() + milliseconds(20));
  const base::Status status = database->Exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::Kind::kTimeout);
}

TEST(Database, ALockIsWaitedForUntilBusyTimeoutOrDeadline) {
  const TestFile file;
  const auto holder = Open(file.path());
  ASSERT_TRUE(holder->Exec("BEGIN IMMEDIATE"));
  const auto impatient = Open(file.path(), {.busy_timeout = milliseconds(20)});
  const base::Status busy = impatient->Exec("BEGIN IMMEDIATE");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind, base::Kind::kUnavailable);
  EXPECT_NE(busy.error().message.find("busyTimeout"), std::string::npos) << busy.error().message;

  const auto patient = Open(file.path(), {.busy_timeout = std::chrono::hours(1)});
  patient->set_deadline(base::Clock::now() + milliseconds(20));
  const base::Status late = patient->Exec("BEGIN IMMEDIATE");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, base::Kind::kTimeout) << late.error().message;

  patient->set_deadline(base::TimePoint::max());
  std::thread ends([&] { EXPECT_TRUE(holder->Exec("COMMIT")); });
  EXPECT_TRUE(patient->Exec("BEGIN IMMEDIATE"));
  ends.join();
}

TEST(Database, AFileThatIsNoDatabaseIsExplained) {
  const TestFile file;
  std::ofstream(file.path()) << std::string(4096, 'x');
  const auto database = Database::Open(ParseConnectionString(file.path()).value(), {});
  ASSERT_FALSE(database);
  EXPECT_NE(database.error().message.find("no SQLite database"), std::string::npos);
}

}  // namespace
}  // namespace components::sqlite
