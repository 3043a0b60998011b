#include "components/state/in_memory/store.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "components/state/in_memory/descriptor.hpp"
#include "components/state/in_memory/like.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::state::in_memory {
namespace {

std::atomic<int64_t> seconds_passed{0};
base::WallTime FakeNow() {
  return base::WallNow() + std::chrono::seconds(seconds_passed);
}

contracts::SetRequest Set(std::string key, std::string value, std::string ttl = "") {
  contracts::SetRequest request{.key = std::move(key), .value = std::move(value)};
  if (!ttl.empty()) request.metadata.Set("ttlInSeconds", ttl);
  return request;
}

async::Task<void> InitStore(Store& store) {
  const contracts::Call call;
  const config::Properties properties;
  EXPECT_TRUE(co_await store.Init(call, {.name = "s", .properties = properties}));
}

TEST(InMemoryStore, AnswersAtOnce) {
  Store store;
  EXPECT_TRUE(store.answers_at_once());
  EXPECT_TRUE(store.SetNow(Set("k", "v")));
  const auto got = store.GetNow({.key = "k"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->data, "v");
  EXPECT_TRUE(store.DeleteNow({.key = "k"}));
  EXPECT_FALSE(store.GetNow({.key = "k"})->found);
}

TEST(InMemoryStore, SweepsInTheBackgroundOnlyWhatExpired) {
  seconds_passed = 0;
  async::LoopGroup loops(1);
  Store store(FakeNow);
  loops.RunTaskOn(0, [&] { return InitStore(store); });
  EXPECT_TRUE(store.SetNow(Set("short", "v", "5")));
  EXPECT_TRUE(store.SetNow(Set("long", "v", "5000")));
  EXPECT_TRUE(store.SetNow(Set("for ever", "v")));
  EXPECT_EQ(store.size(), 3u);
  seconds_passed = 6;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store.size() == 3 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(store.size(), 2u);
  EXPECT_FALSE(store.GetNow({.key = "short"})->found);
  loops.RunTaskOn(0, [&]() -> async::Task<void> {
    const contracts::Call call;
    co_await store.Close(call);
  });
}

TEST(InMemoryStore, ExpiredRowsGiveTheirMemoryBack) {
  seconds_passed = 0;
  Store store(FakeNow);
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(store.SetNow(Set("key" + std::to_string(i), "v", i < 49'990 ? "5" : "5000")));
  }
  EXPECT_GT(store.buckets(), 40'000u);
  seconds_passed = 6;
  EXPECT_EQ(store.Sweep(), 49'990u);
  EXPECT_EQ(store.size(), 10u);
  EXPECT_LT(store.buckets(), 20'000u);
  EXPECT_TRUE(store.GetNow({.key = "key49999"})->found);
}

TEST(InMemoryStore, ManyThreadsAgreeOnTheWinner) {
  Store store;
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        contracts::SetRequest request = Set("key" + std::to_string(i), "v");
        request.options.concurrency = contracts::Concurrency::kFirstWrite;
        if (store.SetNow(std::move(request))) ++won;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 500);
}

TEST(InMemoryStore, TransactionsAreAtomicForReaders) {
  Store store;
  async::LoopGroup loops(2);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      loops.RunTaskOn(0, [&store, i]() -> async::Task<void> {
        contracts::TransactionRequest request;
        for (const char* key : {"a", "b", "c"}) {
          request.operations.emplace_back(Set(key, std::to_string(i)));
        }
        const contracts::Call call;
        EXPECT_TRUE(co_await store.Multi(call, std::move(request)));
      });
    }
    stop = true;
  });
  // A later read may only see a later transaction: never b older than a once both were written.
  while (!stop) {
    const auto a = store.GetNow({.key = "a"});
    const auto b = store.GetNow({.key = "b"});
    if (a->found) {
      EXPECT_TRUE(b->found);
      EXPECT_GE(std::stoi(b->data), std::stoi(a->data));
    }
  }
  writer.join();
}

TEST(Like, MatchesAsSqlDoes) {
  EXPECT_TRUE(Like("", ""));
  EXPECT_FALSE(Like("", "a"));
  EXPECT_TRUE(Like("%", ""));
  EXPECT_TRUE(Like("a%c%e", "abcde"));
  EXPECT_FALSE(Like("a%c%f", "abcde"));
  EXPECT_TRUE(Like("a_c", "abc"));
  EXPECT_FALSE(Like("a\\_c", "abc"));
  EXPECT_TRUE(Like("a\\_c", "a_c"));
  EXPECT_TRUE(Like("%\\%", "100%"));
  EXPECT_FALSE(Like("%%%%%%%%%%%%%%%%b", std::string(5000, 'a')));
}

TEST(InMemoryStore, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

TEST(InMemoryStore, DescriptorListsTheFeatures) {
  const auto names = contracts::StateFeatureNames(Store().Features());
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), Descriptor().features);
}

}  // namespace
}  // namespace components::state::in_memory
