#include "components/pubsub/redis/table.hpp"

#include <gtest/gtest.h>

namespace components::pubsub::redis {
namespace {

using State = Held::State;

Pulled Entry(uint64_t number, std::size_t size = 1) {
  return {.id = {number, 0}, .data = std::string(size, 'x'), .metadata = {}, .readable = true};
}

TEST(Table, HandsOutInOrder) {
  Table table(10);
  for (const uint64_t number : {3, 1, 2}) EXPECT_TRUE(table.Add(Entry(number), {}));
  EXPECT_FALSE(table.Add(Entry(1), {}));
  EXPECT_EQ(table.size(), 3U);
  Held* const first = table.Next(false);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, (StreamId{1, 0}));
  table.Set(*first, State::kRunning);
  EXPECT_EQ(table.Next(false)->id, (StreamId{2, 0}));
  EXPECT_FALSE(table.Next(true));
  table.Set(*first, State::kWaiting);
  EXPECT_EQ(table.waiting(), 1U);
  EXPECT_FALSE(table.Next(true));
  table.Set(*first, State::kReady);
  EXPECT_EQ(table.waiting(), 0U);
  EXPECT_EQ(table.Next(true), first);
  table.Set(*first, State::kDone);
  EXPECT_EQ(table.Next(true)->id, (StreamId{2, 0}));
  table.Remove({1, 0});
  EXPECT_EQ(table.Find({1, 0}), nullptr);
  EXPECT_EQ(table.size(), 2U);
}

TEST(Table, WantsNoMoreThanItHolds) {
  Table table(4);
  EXPECT_EQ(table.Wanted(), 4U);
  for (const uint64_t number : {1, 2}) table.Add(Entry(number), {});
  EXPECT_EQ(table.Wanted(), 2U);
  table.Add(Entry(3), {});
  EXPECT_EQ(table.Wanted(), 0U) << "enough are ready";
  table.Set(*table.Find({1, 0}), State::kRunning);
  EXPECT_EQ(table.Wanted(), 1U);
  table.Add(Entry(4), {});
  EXPECT_EQ(table.Wanted(), 0U);
}

TEST(Table, LargeEntriesAreHeldInSmallNumbers) {
  Table table(1000);
  EXPECT_LE(table.Wanted(), 16U);
  const std::size_t large = Table::kMaxBytes / 8;
  for (uint64_t number = 1; table.Wanted() > 0; ++number) {
    ASSERT_LT(number, 12U);
    table.Add(Entry(number, large), {});
    table.Set(*table.Find({number, 0}), State::kRunning);
  }
  for (uint64_t number = 1; number < 12; ++number) table.Remove({number, 0});
  EXPECT_GT(table.Wanted(), 0U);
  table.ExpectLarge();
  EXPECT_EQ(table.Wanted(), 1U);
  for (uint64_t number = 20; number < 60; ++number) {
    table.Add(Entry(number), {});
    table.Remove({number, 0});
  }
  EXPECT_EQ(table.Wanted(), 1000U) << "it learns that they are small";
}

}  // namespace
}  // namespace components::pubsub::redis
