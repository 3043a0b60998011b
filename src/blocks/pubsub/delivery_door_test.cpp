#include "blocks/pubsub/delivery_door.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/loop.hpp"
#include "base/strings.hpp"

namespace blocks::pubsub {
namespace {

using std::chrono::milliseconds;

// A loop on the test's own thread, with a door and deliveries that note what became of them.
class DoorTest : public ::testing::Test {
 protected:
  void SetUp() override { Turn(0); }
  void TearDown() override {
    door_->ReturnAll(this);
    bool closed = false;
    async::Gate last;
    last.Spawn(CloseGate(closed));
    Until([&] { return closed; });
  }

  async::Task<void> CloseGate(bool& closed) {
    const async::Context patient;
    co_await gate_.Close(patient);
    closed = true;
  }

  void Turn(int millis) {
    // Posting makes the loop this thread's current one for the turn.
    loop_.RunOnce(millis);
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

  // Delivers until the answers are spent; the last one counts.
  async::Task<void> Deliver(int name, std::vector<Answer> answers) {
    DeliveryDoor::Ticket ticket(*door_, this, [this](int change) { held_ += change; });
    for (const Answer answer : answers) {
      if (!co_await door_->Enter(gate_.context(), ticket)) {
        log_ += base::StrCat("-", name);
        co_return;
      }
      log_ += base::StrCat("+", name);
      ++at_app_;
      most_ = std::max(most_, at_app_);
      co_await async::Yield();
      --at_app_;
      door_->Leave(ticket, answer);
    }
  }
  void Start(int name, std::vector<Answer> answers) {
    Run([&] { gate_.Spawn(Deliver(name, std::move(answers))); });
  }

  // Asks something else of the app before the delivery.
  async::Task<void> FindAndDeliver() {
    DeliveryDoor::Ticket ticket(*door_, this, [this](int change) { held_ += change; });
    EXPECT_TRUE(co_await door_->Enter(gate_.context(), ticket));
    log_ += "?";
    co_await asked_.Wait(gate_.context());
    door_->Found(ticket);
    EXPECT_FALSE(ticket.knocking());
    log_ += "+1";
  }

  async::Loop loop_;
  async::Gate gate_;
  async::Event asked_;
  int refused_ = 0, answered_ = 0, held_ = 0, at_app_ = 0, most_ = 0;
  std::string log_;
  std::unique_ptr<DeliveryDoor> door_ =
      std::make_unique<DeliveryDoor>(std::make_shared<DeliveryDoor::Knocking>(),
                                     DeliveryDoor::Observer{.refused = [this] { ++refused_; },
                                                            .answered = [this] { ++answered_; }});
};

TEST_F(DoorTest, ShutHoldsAndOpenLetsGoInOrder) {
  for (int i = 1; i <= 4; ++i) Start(i, {Answer::kSuccess});
  EXPECT_EQ(log_, "");
  EXPECT_EQ(held_, 4);
  Run([&] { door_->Set(DoorState::kOpen); });
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_, "+1+2+3+4");
  EXPECT_EQ(held_, 0);
}

TEST_F(DoorTest, WhoFindsNobodyWaitsInItsOldPlace) {
  Run([&] { door_->Set(DoorState::kOpen); });
  Start(1, {Answer::kAway, Answer::kSuccess});
  Start(2, {Answer::kSuccess});
  Run([&] { door_->Set(DoorState::kShut); });
  Start(3, {Answer::kSuccess});
  const std::string before = log_;
  Run([&] { door_->Set(DoorState::kOpen); });
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_.substr(before.size()), "+1+2+3");
}

TEST_F(DoorTest, OneKnocksAtATimeAndItsAnswerOpens) {
  Run([&] { door_->Set(DoorState::kKnock); });
  Start(1, {Answer::kRefused, Answer::kRefused, Answer::kSuccess});
  Start(2, {Answer::kSuccess});
  Start(3, {Answer::kSuccess});
  Until([&] { return answered_ == 1; });
  EXPECT_EQ(refused_, 2);
  EXPECT_EQ(log_.substr(0, 6), "+1+1+1");
  EXPECT_EQ(most_, 1);
  Run([&] { door_->Set(DoorState::kOpen); });
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_, "+1+1+1+2+3");
}

TEST_F(DoorTest, WhatFindsTheAppGoesBeforeWhatWaits) {
  Run([&] { door_->Set(DoorState::kKnock); });
  Run([&] { gate_.Spawn(FindAndDeliver()); });
  Start(2, {Answer::kSuccess});
  EXPECT_EQ(log_, "?");
  Run([&] { asked_.Set(); });
  Until([&] { return answered_ == 1; });
  Run([&] { door_->Set(DoorState::kOpen); });
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_, "?+1+2");
  EXPECT_EQ(held_, 0);
}

TEST_F(DoorTest, KnockThatEndsWithoutAnAnswerIsTakenUpByTheNext) {
  Run([&] { door_->Set(DoorState::kKnock); });
  Start(1, {Answer::kBroken});
  Start(2, {Answer::kEnded});
  Start(3, {Answer::kSuccess});
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_, "+1+2+3");
  EXPECT_EQ(answered_, 1);
}

TEST_F(DoorTest, ReturnAllGivesUpTheWaits) {
  Start(1, {Answer::kSuccess});
  Start(2, {Answer::kSuccess});
  Run([&] { door_->ReturnAll(&held_); });  // somebody else's
  EXPECT_EQ(log_, "");
  Run([&] { door_->ReturnAll(this); });
  EXPECT_EQ(log_, "-1-2");
  EXPECT_EQ(held_, 0);
}

TEST_F(DoorTest, FailedDeliveriesOfAnAppThatIsThereChangeNothing) {
  Run([&] { door_->Set(DoorState::kOpen); });
  Start(1, {Answer::kFailed, Answer::kRetry, Answer::kBroken, Answer::kSuccess});
  Until([&] { return gate_.size() == 0; });
  EXPECT_EQ(log_, "+1+1+1+1");
  EXPECT_EQ(refused_ + answered_, 0);
}

}  // namespace
}  // namespace blocks::pubsub
