// The batches behind bulk subscriptions of components that hand over one message at a time.
#include "blocks/pubsub/bulk_batch.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "async/loop.hpp"

namespace blocks::pubsub {
namespace {

using contracts::Verdict;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

constexpr milliseconds kNever(60'000);

// A loop on the test's own thread, a batcher, and a sink that notes each batch.
class BatchTest : public ::testing::Test {
 protected:
  void Make(std::size_t most, async::Duration wait) {
    Run([&] {
      batcher_ = std::make_unique<BulkBatcher>(
          most, wait,
          [this](const contracts::Call& call, std::vector<contracts::Message> messages) {
            return Sink(call, std::move(messages));
          });
    });
  }
  void TearDown() override {
    open_ = true;
    Run([&] { gate_.Spawn(Close()); });
    Until([&] { return closed_; });
    Run([&] { batcher_.reset(); });
  }

  async::Task<void> Close() {
    news_.Pulse();
    co_await batcher_->Close();
    closed_ = true;
  }
  async::Task<std::vector<Verdict>> Sink(const contracts::Call& call,
                                         std::vector<contracts::Message> messages) {
    Strings& batch = batches_.emplace_back();
    for (const contracts::Message& message : messages) batch.push_back(message.data);
    while (!open_ && co_await news_.Wait(call) == async::Wake::kReady) {
    }
    canceled_ = call.canceled();
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i < std::min(messages.size(), answers_); ++i) {
      verdicts.push_back(messages[i].data.starts_with("bad")      ? Verdict::kFailed
                         : messages[i].data.starts_with("return") ? Verdict::kReturn
                                                                  : Verdict::kDone);
    }
    co_return verdicts;
  }
  async::Task<void> Add(const contracts::Call& call, std::string data) {
    contracts::Message message;
    message.data = data;
    const Verdict verdict = co_await batcher_->Add(call, std::move(message));
    verdicts_[data] = verdict;
  }
  void AddAll(const Strings& all) {
    Run([&] {
      for (const std::string& data : all) gate_.Spawn(Add(call_, data));
    });
  }
  template <class Check>
  void Until(Check check) {
    const auto deadline = async::Clock::now() + std::chrono::seconds(10);
    while (!check() && async::Clock::now() < deadline) loop_.RunOnce(5);
    EXPECT_TRUE(check());
  }
  void Run(std::move_only_function<void()> work) {
    bool done = false;
    loop_.Post([&] {
      work();
      done = true;
    });
    Until([&] { return done; });
  }

  async::Loop loop_;
  async::Gate gate_;
  async::CancelToken cancel_;
  const contracts::Call call_{async::Context(async::kForever, &cancel_)};
  std::unique_ptr<BulkBatcher> batcher_;
  async::Event news_;
  bool open_ = true;  // else the sink waits
  bool closed_ = false;
  bool canceled_ = false;
  std::size_t answers_ = SIZE_MAX;  // the most verdicts that the sink gives
  std::vector<Strings> batches_;
  std::map<std::string, Verdict> verdicts_;
};

TEST_F(BatchTest, GoesWhenItIsFull) {
  Make(3, kNever);
  AddAll({"a", "b"});
  EXPECT_TRUE(batches_.empty());
  AddAll({"c", "d"});
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b", "c"}}));
  Until([&] { return verdicts_.size() == 3; });
  EXPECT_FALSE(verdicts_.contains("d"));
  AddAll({"e", "f", "g"});
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b", "c"}, {"d", "e", "f"}}));
}

TEST_F(BatchTest, GoesWhenItsFirstHasWaited) {
  Make(100, milliseconds(150));
  const auto start = async::Clock::now();
  AddAll({"a", "b"});
  EXPECT_TRUE(batches_.empty());
  Until([&] { return !batches_.empty(); });
  // The loop's time, from which the wait counts, may be that of the turn before.
  EXPECT_GE(async::Clock::now() - start, milliseconds(140));
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b"}}));
  Until([&] { return verdicts_.size() == 2; });
  // The next batch waits a time of its own.
  AddAll({"c"});
  EXPECT_EQ(batches_.size(), 1U);
  Until([&] { return batches_.size() == 2; });
}

TEST_F(BatchTest, AFullOneTakesItsWaitAlong) {
  Make(2, milliseconds(100));
  open_ = false;
  AddAll({"a", "b"});
  EXPECT_EQ(batches_.size(), 1U);
  const auto start = async::Clock::now();
  AddAll({"c"});
  Until([&] { return batches_.size() == 2; });
  EXPECT_GE(async::Clock::now() - start, milliseconds(90));
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b"}, {"c"}}));
}

TEST_F(BatchTest, EachHasItsOwnVerdict) {
  Make(4, kNever);
  AddAll({"a", "bad", "return", "b"});
  Until([&] { return verdicts_.size() == 4; });
  EXPECT_EQ(verdicts_, (std::map<std::string, Verdict>{{"a", Verdict::kDone},
                                                       {"bad", Verdict::kFailed},
                                                       {"return", Verdict::kReturn},
                                                       {"b", Verdict::kDone}}));
}

TEST_F(BatchTest, WithoutAVerdictItFailed) {
  Make(3, kNever);
  answers_ = 1;
  AddAll({"a", "b", "c"});
  Until([&] { return verdicts_.size() == 3; });
  EXPECT_EQ(verdicts_,
            (std::map<std::string, Verdict>{
                {"a", Verdict::kDone}, {"b", Verdict::kFailed}, {"c", Verdict::kFailed}}));
}

TEST_F(BatchTest, WhatIsHereGoesAtOnceWhenToldSo) {
  Make(10, kNever);
  AddAll({"a", "b"});
  Run([&] { batcher_->Flush(); });
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b"}}));
  Run([&] { batcher_->Flush(); });
  EXPECT_EQ(batches_.size(), 1U);
}

TEST_F(BatchTest, WhoseCallEndsIsReturnedAndLeftOut) {
  Make(3, kNever);
  async::CancelToken early;
  const contracts::Call call(async::Context(async::kForever, &early));
  Run([&] { gate_.Spawn(Add(call, "gone")); });
  Run([&] { early.Cancel(); });
  Until([&] { return verdicts_.size() == 1; });
  EXPECT_EQ(verdicts_["gone"], Verdict::kReturn);
  AddAll({"a", "b"});
  EXPECT_EQ(batches_, (std::vector<Strings>{{"a", "b"}}));
}

TEST_F(BatchTest, TheEndReturnsWhatIsInNoBatchAndCancelsTheRest) {
  Make(2, kNever);
  open_ = false;
  AddAll({"a", "b", "c"});
  EXPECT_EQ(batches_.size(), 1U);
  Run([&] { gate_.Spawn(Close()); });
  Until([&] { return closed_ && verdicts_.size() == 3; });
  EXPECT_TRUE(canceled_);
  EXPECT_EQ(verdicts_["c"], Verdict::kReturn);
  EXPECT_EQ(batches_.size(), 1U);
}

}  // namespace
}  // namespace blocks::pubsub
