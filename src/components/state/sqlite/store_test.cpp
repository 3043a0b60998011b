#include "components/state/sqlite/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "components/state/sqlite/descriptor.hpp"
#include "components/state/sqlite/test_store.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::state::sqlite {
namespace {

using Entries = std::vector<config::Properties::Entry>;

void ExpectInitFails(const Entries& entries, base::Kind kind, std::string_view text) {
  TestStore store(entries);
  ASSERT_FALSE(store.status());
  EXPECT_EQ(store.status().error().kind, kind) << store.status().error().message;
  EXPECT_NE(store.status().error().message.find(text), std::string::npos)
      << store.status().error().message;
}

void ExecOn(const std::string& path, const std::string& sql) {
  auto database = Database::Open(components::sqlite::ParseConnectionString(path).value(), {});
  ASSERT_TRUE(database);
  const auto done = (*database)->Exec(sql);
  ASSERT_TRUE(done) << done.error().message;
}

TEST(SqliteStore, WrongMetadataIsExplained) {
  const TestFile file;
  ExpectInitFails({}, base::Kind::kInvalidArgument, "missing connection string");
  ExpectInitFails({{"connectionString", file.path()}, {"timeout", "soon"}},
                  base::Kind::kInvalidArgument, "timeout");
  ExpectInitFails({{"connectionString", file.path()}, {"timeout", "10ms"}},
                  base::Kind::kInvalidArgument, "at least 1s");
  ExpectInitFails({{"connectionString", file.path()}, {"tableName", "a; DROP TABLE b"}},
                  base::Kind::kInvalidArgument, "metadata field tableName");
  ExpectInitFails({{"connectionString", file.path()}, {"metadataTableName", "1a"}},
                  base::Kind::kInvalidArgument, "metadata field metadataTableName");
  ExpectInitFails({{"connectionString", file.path()}, {"metadataTableName", "state"}},
                  base::Kind::kInvalidArgument, "another table");
}

TEST(SqliteStore, UnusableFilesAreExplained) {
  ExpectInitFails({{"connectionString", "/nonexistent-folder/data.db"}}, base::Kind::kNotFound,
                  "the folder of connectionString must exist");
  const TestFile text;
  std::ofstream(text.path()) << std::string(4096, 'x');
  ExpectInitFails({{"connectionString", text.path()}}, base::Kind::kInternal, "no SQLite database");
  const TestFile foreign;
  ExecOn(foreign.path(), "CREATE TABLE state (id INTEGER)");
  ExpectInitFails({{"connectionString", foreign.path()}}, base::Kind::kPreconditionFailed,
                  "choose another name in the metadata field tableName");
  const TestFile newer;
  ExecOn(newer.path(), "CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT)");
  ExecOn(newer.path(), "INSERT INTO metadata VALUES ('migrations', '9')");
  ExpectInitFails({{"connectionString", newer.path()}}, base::Kind::kPreconditionFailed,
                  "made by a newer runtime");
}

TEST(SqliteStore, ReadOnlyDatabasesCanBeReadOnly) {
  const TestFile file;
  {
    TestStore store(Entries{{"connectionString", file.path()}});
    ASSERT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  }
  TestStore store(Entries{{"connectionString", "file:" + file.path() + "?mode=ro"}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  EXPECT_EQ(store.Get("k")->data, "1");
  const base::Status status = store.Set({.key = "k", .value = "2", .json = true});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::Kind::kPermissionDenied) << status.error().message;
}

TEST(SqliteStore, DataSurvivesARestart) {
  const TestFile file;
  {
    TestStore store(Entries{{"connectionString", file.path()}});
    ASSERT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  }
  TestStore store(Entries{{"connectionString", file.path()}});
  EXPECT_EQ(store.Get("k")->data, "1");
}

TEST(SqliteStore, TheMemoryDatabaseServesReadsAndWrites) {
  TestStore store(Entries{{"connectionString", ":memory:"}});
  ASSERT_TRUE(store.status()) << store.status().error().message;
  ASSERT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_EQ(store.Get("k")->data, "1");
}

TEST(SqliteStore, APassedDeadlineEndsTheCall) {
  const TestFile file;
  TestStore store(Entries{{"connectionString", file.path()}});
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [&]() -> async::Task<void> {
    const contracts::Call call(async::Context(async::Loop::Current()->now()));
    const base::Status status =
        co_await store.store().Set(call, {.key = "k", .value = "1", .json = true});
    EXPECT_FALSE(status);
    if (!status) {
      EXPECT_EQ(status.error().kind, base::Kind::kTimeout);
    }
  });
  EXPECT_FALSE(store.Get("k")->found);
}

async::Task<void> Increment(Store& store, int times, std::atomic<int>& done) {
  const contracts::Call call;
  for (int i = 0; i < times;) {
    auto got = co_await store.Get(call, {.key = "counter"});
    EXPECT_TRUE(got);
    if (!got) co_return;
    contracts::SetRequest request{.key = "counter", .json = true, .etag = got->etag};
    request.value = std::to_string(got->found ? std::stoi(got->data) + 1 : 1);
    request.options.concurrency = contracts::Concurrency::kFirstWrite;
    const base::Status status = co_await store.Set(call, std::move(request));
    if (status) ++i;
    EXPECT_TRUE(status || status.error().kind == base::Kind::kConflict) << status.error().message;
    if (!status && status.error().kind != base::Kind::kConflict) co_return;
  }
  ++done;
}

TEST(SqliteStore, CountersOfManyLoopsLoseNothing) {
  TestStore store(Entries{{"connectionString", ":memory:"}});
  ASSERT_TRUE(store.status());
  async::LoopGroup loops(3);
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&loops, &store, &done, i] {
      loops.RunTaskOn(i, [&] { return Increment(store.store(), 50, done); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 3);
  EXPECT_EQ(store.Get("counter")->data, "150");
}

TEST(SqliteStore, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(SqliteStore, DescriptorListsTheFeatures) {
  const auto names = contracts::StateFeatureNames(Store().Features());
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), Descriptor().features);
}

TEST(SqliteStore, DescriptorAcceptsWhatTheStoreReads) {
  const config::Properties properties("s", {{"connectionString", "data.db"},
                                            {"busyTimeout", "800ms"},
                                            {"cleanupIntervalInSeconds", "60"},
                                            {"actorStateStore", "true"}});
  const auto warnings = contracts::ValidateMetadata(Descriptor(), "s", properties,
                                                    contracts::CommonFields("state.sqlite"));
  ASSERT_TRUE(warnings) << warnings.error().message;
  EXPECT_TRUE(warnings->empty());
}

}  // namespace
}  // namespace components::state::sqlite
