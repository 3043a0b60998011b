// What a store does when its file is full, damaged, locked or shared with another process.
#include <gtest/gtest.h>

#include <fstream>

#include "components/state/sqlite/test_store.hpp"

namespace components::state::sqlite {
namespace {

using components::sqlite::ParseConnectionString;
using Entries = std::vector<config::Properties::Entry>;

contracts::SetRequest Item(std::string key, std::string value) {
  return {.key = std::move(key), .value = std::move(value), .json = true};
}
std::string Big() {
  return '"' + std::string(1 << 20, 'x') + '"';
}

// A store whose file cannot grow beyond about 200 KiB.
class SmallStore : public testing::Test {
 protected:
  void ExpectFull(const base::Status& status) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, base::Kind::kExhausted) << status.error().message;
    EXPECT_NE(status.error().message.find("free space on its file system"), std::string::npos)
        << status.error().message;
  }
  base::Status Multi(std::vector<contracts::SetRequest> items) {
    contracts::TransactionRequest request;
    for (auto& item : items) request.operations.emplace_back(std::move(item));
    return store_.Run<base::Status>([&](const contracts::Call& call) {
      return store_.store().Multi(call, std::move(request));
    });
  }
  base::Status BulkSet(std::vector<contracts::SetRequest> items) {
    return store_.Run<base::Status>([&](const contracts::Call& call) {
      return store_.store().BulkSet(call, std::move(items), {});
    });
  }
  const TestFile file_;
  TestStore store_{Entries{{"connectionString", file_.path() + "?_pragma=max_page_count(50)"}}};
};

TEST_F(SmallStore, AFullDatabaseIsExplainedAndStillReadAndWritten) {
  ASSERT_TRUE(store_.status()) << store_.status().error().message;
  ASSERT_TRUE(store_.Set(Item("k", "1")));
  ExpectFull(store_.Set(Item("k", Big())));
  EXPECT_EQ(store_.Get("k")->data, "1");
  EXPECT_TRUE(store_.Set(Item("k", "2")));
  EXPECT_TRUE(store_.Delete({.key = "k"}));
}

TEST_F(SmallStore, AFullDatabaseLeavesNothingOfATransaction) {
  ASSERT_TRUE(store_.Set(Item("a", "1")));
  ExpectFull(Multi({Item("a", "2"), Item("b", "2"), Item("c", Big()), Item("d", "2")}));
  EXPECT_EQ(store_.Get("a")->data, "1");
  EXPECT_FALSE(store_.Get("b")->found);
  EXPECT_FALSE(store_.Get("d")->found);
}

TEST_F(SmallStore, AFullDatabaseLeavesNothingOfABulkSet) {
  ASSERT_TRUE(store_.Set(Item("a", "1")));
  ExpectFull(BulkSet({Item("a", "2"), Item("b", "2"), Item("c", Big()), Item("d", "2")}));
  EXPECT_EQ(store_.Get("a")->data, "1");
  EXPECT_FALSE(store_.Get("b")->found);
  EXPECT_FALSE(store_.Get("d")->found);
  EXPECT_TRUE(BulkSet({Item("a", "2"), Item("b", "2")}));
  EXPECT_EQ(store_.Get("b")->data, "2");
}

TEST(SqliteFaults, ADamagedPageIsExplained) {
  const TestFile file;
  const Entries entries{{"connectionString", file.path()}, {"disableWAL", "true"}};
  {
    TestStore store(entries);
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(store.Set(Item("k" + std::to_string(i), '"' + std::string(2000, 'x') + '"')));
    }
  }
  const auto size = std::filesystem::file_size(file.path());
  {
    std::fstream damage(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(4096 * 4);
    damage << std::string(size - 4096 * 4, '\xa5');
  }
  TestStore store(entries);
  if (!store.status()) {
    EXPECT_NE(store.status().error().message.find("damaged"), std::string::npos);
    return;
  }
  int failed = 0;
  for (int i = 0; i < 50; ++i) {
    const auto got = store.Get("k" + std::to_string(i));
    if (got) continue;
    ++failed;
    EXPECT_EQ(got.error().kind, base::Kind::kInternal);
    EXPECT_NE(got.error().message.find("damaged"), std::string::npos) << got.error().message;
  }
  EXPECT_GT(failed, 0);
}

TEST(SqliteFaults, AnotherWriterIsWaitedForUntilBusyTimeout) {
  const TestFile file;
  TestStore store(Entries{{"connectionString", file.path()}, {"busyTimeout", "50ms"}});
  ASSERT_TRUE(store.status());
  auto other = Database::Open(ParseConnectionString(file.path()).value(), {});
  ASSERT_TRUE((*other)->Exec("BEGIN IMMEDIATE"));
  const base::Status locked = store.Set(Item("k", "1"));
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().kind, base::Kind::kUnavailable) << locked.error().message;
  EXPECT_NE(locked.error().message.find("busyTimeout"), std::string::npos);
  EXPECT_FALSE(store.Get("k")->found);  // readers are not held up
  ASSERT_TRUE((*other)->Exec("COMMIT"));
  EXPECT_TRUE(store.Set(Item("k", "1")));
}

TEST(SqliteFaults, ALockedDatabaseDoesNotHoldACallBeyondItsDeadline) {
  const TestFile file;
  TestStore store(Entries{{"connectionString", file.path()}, {"busyTimeout", "1h"}});
  ASSERT_TRUE(store.status());
  auto other = Database::Open(ParseConnectionString(file.path()).value(), {});
  ASSERT_TRUE((*other)->Exec("BEGIN IMMEDIATE"));
  const base::Status late = store.Run<base::Status>([&](const contracts::Call& call) {
    const auto limit = async::Loop::Current()->After(std::chrono::milliseconds(30));
    return [](Store& store, contracts::Call call) -> async::Task<base::Status> {
      co_return co_await store.Set(call, Item("k", "1"));
    }(store.store(), call.Until(limit));
  });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, base::Kind::kTimeout) << late.error().message;
  ASSERT_TRUE((*other)->Exec("COMMIT"));
}

// Two processes are two stores: nothing is shared but the file.
TEST(SqliteFaults, TwoStoresOnOneFileSeeEachOther) {
  const TestFile file;
  TestStore one(Entries{{"connectionString", file.path()}});
  TestStore two(Entries{{"connectionString", file.path()}});
  ASSERT_TRUE(one.status() && two.status());
  ASSERT_TRUE(one.Set(Item("k", "1")));
  const auto got = two.Get("k");
  ASSERT_TRUE(got && got->found);
  contracts::SetRequest stale = Item("k", "3");
  stale.etag = got->etag;
  ASSERT_TRUE(one.Set(Item("k", "2")));
  const base::Status lost = two.Set(std::move(stale));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, base::Kind::kConflict);
  EXPECT_EQ(two.Get("k")->data, "2");
}

TEST(SqliteFaults, TwoStoresOnOneFileLoseNoIncrement) {
  const TestFile file;
  constexpr int kTimes = 40;
  const auto work = [&] {
    TestStore store(Entries{{"connectionString", file.path()}, {"busyTimeout", "20s"}});
    ASSERT_TRUE(store.status()) << store.status().error().message;
    for (int done = 0; done < kTimes;) {
      const auto got = store.Get("n");
      ASSERT_TRUE(got) << got.error().message;
      contracts::SetRequest next =
          Item("n", std::to_string(got->found ? std::stoi(got->data) + 1 : 1));
      next.etag = got->etag;
      next.options.concurrency = contracts::Concurrency::kFirstWrite;
      const base::Status status = store.Set(std::move(next));
      if (status) ++done;
      ASSERT_TRUE(status || status.error().kind == base::Kind::kConflict) << status.error().message;
    }
  };
  std::thread other(work);
  work();
  other.join();
  TestStore store(Entries{{"connectionString", file.path()}});
  EXPECT_EQ(store.Get("n")->data, std::to_string(2 * kTimes));
}

TEST(SqliteFaults, OfTwoStoresOneCleansUpInAnInterval) {
  const TestFile file;
  const Entries entries{{"connectionString", file.path()}, {"cleanupInterval", "1h"}};
  TestStore one(entries);
  TestStore two(entries);
  EXPECT_EQ(one.Cleanup(), 0);
  auto raw = Database::Open(ParseConnectionString(file.path()).value(), {});
  ASSERT_TRUE(one.Set(Item("k", "1")));
  ASSERT_TRUE((*raw)->Exec("UPDATE state SET expiration_time = DATETIME('now', '-1 seconds')"));
  EXPECT_EQ(two.Cleanup(), 0);
  EXPECT_FALSE(two.Get("k")->found);
  ASSERT_TRUE(
      (*raw)->Exec("UPDATE metadata SET value = DATETIME('now', '-2 hours') "
                   "WHERE key = 'last-cleanup'"));
  EXPECT_EQ(two.Cleanup(), 1);
}

TEST(SqliteFaults, ExpiredRowsGoInTheBackground) {
  const TestFile file;
  TestStore store(Entries{{"connectionString", file.path()}, {"cleanupInterval", "50ms"}});
  ASSERT_TRUE(store.status());
  ASSERT_TRUE(store.Set(Item("stays", "1")));
  ASSERT_TRUE(store.Set(Item("goes", "1")));
  auto raw = Database::Open(ParseConnectionString(file.path()).value(), {});
  ASSERT_TRUE((*raw)->Exec(
      "UPDATE state SET expiration_time = DATETIME('now', '-1 seconds') WHERE key = 'goes'"));
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::string left = "2";
  while (left != "1" && std::chrono::steady_clock::now() < limit) {
    left = (*raw)->Query("SELECT COUNT(*) FROM state", {})->front().front();
    std::this_thread::yield();
  }
  EXPECT_EQ(left, "1");
  EXPECT_TRUE(store.Get("stays")->found);
}

}  // namespace
}  // namespace components::state::sqlite
