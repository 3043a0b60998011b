#include "components/kafka/ledger.hpp"

#include <gtest/gtest.h>

namespace components::kafka {
namespace {

using State = Ledger::State;

// Fetches offsets [from, to) whose time stamp is ten times the offset.
void Take(Ledger& ledger, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) {
    if (!ledger.Knows(i, i * 10)) ledger.Add(i, i * 10, nullptr, nullptr);
  }
}
void Set(Ledger& ledger, int64_t offset, State state) {
  Ledger::Entry* entry = ledger.Find(offset);
  ASSERT_TRUE(entry) << offset;
  entry->state = state;
}

TEST(Ledger, CommitsOnlyFromTheFront) {
  Ledger ledger;
  EXPECT_EQ(ledger.Advance(), -1);
  ledger.StartAt(5);
  EXPECT_EQ(ledger.Advance(), 5);
  Take(ledger, 5, 9);
  EXPECT_EQ(ledger.next(), 9);
  Set(ledger, 6, State::kDone);
  Set(ledger, 7, State::kDone);
  EXPECT_EQ(ledger.Advance(), 5);
  Set(ledger, 5, State::kDone);
  EXPECT_EQ(ledger.Advance(), 8);
  EXPECT_EQ(ledger.size(), 1U);
  Set(ledger, 8, State::kDone);
  EXPECT_EQ(ledger.Advance(), 9);
  EXPECT_EQ(ledger.size(), 0U);
}

TEST(Ledger, WhatIsGivenUpIsPassedByWhatIsDone) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 3);
  Set(ledger, 0, State::kGivenUp);
  EXPECT_EQ(ledger.Advance(), 0);
  Set(ledger, 2, State::kDone);
  EXPECT_EQ(ledger.Advance(), 0);
  Set(ledger, 1, State::kDone);
  EXPECT_EQ(ledger.Advance(), 3);
}

TEST(Ledger, SkipsHolesOfTheLog) {
  Ledger ledger;
  ledger.StartAt(0);
  for (const int64_t offset : {2, 7, 9}) ledger.Add(offset, 0, nullptr, nullptr);
  Set(ledger, 2, State::kDone);
  EXPECT_EQ(ledger.Advance(), 3);
  Set(ledger, 7, State::kDone);
  Set(ledger, 9, State::kDone);
  EXPECT_EQ(ledger.Advance(), 10);
}

TEST(Ledger, WaitingComesInOrder) {
  Ledger ledger;
  Take(ledger, 0, 5);
  Set(ledger, 0, State::kDone);
  Set(ledger, 2, State::kOut);
  EXPECT_TRUE(ledger.AnyOut());
  EXPECT_EQ(ledger.Waiting(10), (std::vector<int64_t>{1, 3, 4}));
  EXPECT_EQ(ledger.Waiting(2), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(ledger.CountWaiting(), 3U);
}

TEST(Ledger, KnowsWhatComesAgain) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 3);
  Set(ledger, 0, State::kOut);
  Set(ledger, 1, State::kDone);
  ledger.LoseWaiting();
  EXPECT_EQ(ledger.CountWaiting(), 0U);
  // The partition comes back where it was.
  ledger.StartAt(0);
  EXPECT_TRUE(ledger.Knows(0, 0));
  EXPECT_TRUE(ledger.Knows(1, 10));
  EXPECT_FALSE(ledger.Knows(2, 20));
  ledger.Add(2, 20, nullptr, nullptr);
  EXPECT_EQ(ledger.size(), 3U);
  EXPECT_EQ(ledger.Waiting(9), (std::vector<int64_t>{2}));
  EXPECT_FALSE(ledger.Knows(3, 30));
}

TEST(Ledger, WhatIsDoneBeforeItComesAgainStaysDone) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 2);
  Set(ledger, 0, State::kOut);
  Set(ledger, 1, State::kOut);
  ledger.StartAt(0);
  Set(ledger, 0, State::kDone);
  EXPECT_EQ(ledger.Advance(), 1);
  EXPECT_TRUE(ledger.Knows(0, 0));
  EXPECT_TRUE(ledger.Knows(1, 10));
  EXPECT_FALSE(ledger.Knows(2, 20));
  // No longer than that: a log that begins anew is new.
  EXPECT_FALSE(ledger.Knows(0, 0));
}

TEST(Ledger, WhatAnotherHasCommittedIsForgotten) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 4);
  Set(ledger, 0, State::kOut);
  Set(ledger, 3, State::kOut);
  ledger.LoseWaiting();
  ledger.StartAt(2);
  EXPECT_FALSE(ledger.Find(0));
  EXPECT_TRUE(ledger.Find(3));
  EXPECT_EQ(ledger.Advance(), 2);
}

TEST(Ledger, WhatTheBrokerThrewAwayHoldsNothingUp) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 2);
  ledger.LoseWaiting();
  ledger.StartAt(0);
  EXPECT_FALSE(ledger.Knows(5, 50));
  ledger.Add(5, 50, nullptr, nullptr);
  Set(ledger, 5, State::kDone);
  EXPECT_EQ(ledger.Advance(), 6);
}

// Offsets begin anew in a topic that was deleted and made again.
TEST(Ledger, AnotherLogIsNotTakenForTheOld) {
  Ledger ledger;
  ledger.StartAt(0);
  Take(ledger, 0, 4);
  EXPECT_FALSE(ledger.Knows(1, 99));
  EXPECT_EQ(ledger.size(), 0U);
  ledger.Add(1, 99, nullptr, nullptr);
  EXPECT_EQ(ledger.next(), 2);
  Set(ledger, 1, State::kDone);
  EXPECT_EQ(ledger.Advance(), 2);
}

}  // namespace
}  // namespace components::kafka
