#include "blocks/pubsub/subscription_manager.hpp"

#include "blocks/pubsub/subscription_manager_fixture.hpp"

namespace blocks::pubsub {
namespace {

using contracts::TargetState;

TEST_F(ManagerTest, PausedUntilTheAppIsThere) {
  Make({Spec("a", "/a"), Spec("b", "/b")}, config::AppWake::kProbe);
  Noted("a pause");
  Noted("b pause");
  EXPECT_TRUE(manager_->HasSubscriptions());
  broker_->Hand("a", R"({"id":"1"})");
  Until([&] { return manager_->pending() == 1; });
  EXPECT_TRUE(target_.sent().empty());
  Target(TargetState::kReady);
  Noted("a done");
  Noted("a resume");
  EXPECT_EQ(target_.sent(), std::vector<std::string>{R"(/a {"id":"1"})"});
  EXPECT_EQ(manager_->pending(), 0);
  Target(TargetState::kUnavailable);
  Noted("a pause", 2);
}

TEST_F(ManagerTest, WhatFindsNobodyIsHeldAndGoesBackAtTheEnd) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.dead_letter_topic = "dead";
  Make({spec}, config::AppWake::kProbe);
  Noted("a subscribe");
  Target(TargetState::kReady);
  Noted("a resume");
  target_.Answer({-1});
  broker_->Hand("a", R"({"id":"1"})");
  broker_->Hand("a", R"({"id":"2"})");
  Until([&] { return manager_->pending() == 2; });
  Target(TargetState::kUnavailable);
  Noted("a pause", 2);
  Stop();
  EXPECT_EQ(Count("a return"), 2);
  EXPECT_EQ(Count("a done") + Count("a failed"), 0);
  for (const std::string& note : broker_->notes()) EXPECT_FALSE(note.starts_with("published"));
}

TEST_F(ManagerTest, RefusedDeliveriesKnockOneByOne) {
  Make({Spec("a", "/a"), Spec("b", "/b")});
  Noted("b subscribe");
  Target(TargetState::kReady);
  Noted("b resume");
  target_.Answer({503, 503, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_GE(target_.refusals, 2);
  EXPECT_GE(Count("b pause"), 1);
  Noted("b resume", 2);
}

TEST_F(ManagerTest, ThePolicyBeginsWhenTheAppHasAnswered) {
  UsePolicy(2, "consecutiveFailures >= 100");
  Make({Spec("a", "/a")});
  Noted("a subscribe");
  Target(TargetState::kUnavailable);
  target_.Answer({-1, 503, 500, 500, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  // Away twice, then the failure that the policy begins with, and its two retries.
  EXPECT_EQ(target_.limited(), "---++");
  target_.Answer({500});
  broker_->Hand("a", R"({"id":"2"})");
  Noted("a failed");
  EXPECT_EQ(target_.sent().size(), 8U);
}

TEST_F(ManagerTest, KnockingInVainOpensNoBreaker) {
  UsePolicy(0, "consecutiveFailures >= 1");
  Make({Spec("a", "/a")});
  Noted("a subscribe");
  Target(TargetState::kUnavailable);
  target_.Answer({-2, -2, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_EQ(Count("a failed"), 0);
}

TEST_F(ManagerTest, BrokenConnectionsAreTriedAgainAndThenDead) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.dead_letter_topic = "dead";
  Make({spec});
  Noted("a subscribe");
  Target(TargetState::kReady);
  target_.Answer({-2, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_EQ(target_.sent().size(), 2U);
  target_.Answer({-2});
  broker_->Hand("a", R"({"id":"2"})");
  Noted(R"(published dead {"id":"2"})");
  Noted("a done", 2);
  // Brought again four times, each time after the app had answered something else.
  EXPECT_EQ(target_.sent().size(), 7U);
  EXPECT_EQ(target_.questions, 5);
}

TEST_F(ManagerTest, WhatBreaksAtSomethingInFrontOfNobodyIsHeld) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.dead_letter_topic = "dead";
  Make({spec, Spec("b", "/b")});
  Noted("a subscribe");
  Noted("b subscribe");
  Target(TargetState::kReady);
  Noted("b resume");
  target_.Answer({-2});
  target_.question = -2;
  broker_->Hand("a", R"({"id":"1"})");
  broker_->Hand("a", R"({"id":"2"})");
  Until([&] { return target_.refusals >= 6 && manager_->pending() == 2; });
  EXPECT_GE(target_.questions, 6);
  EXPECT_GE(Count("b pause"), 1) << "nothing is pulled meanwhile";
  EXPECT_EQ(target_.sent().size(), 2U);
  target_.Answer({200});
  target_.question = 404;
  Noted("a done", 2);
  Noted("b resume", 2);
  EXPECT_EQ(target_.sent().size(), 4U);
  for (const std::string& note : broker_->notes()) EXPECT_FALSE(note.starts_with("published"));
}

TEST_F(ManagerTest, BrokenConnectionsAreNoFailuresOfThePolicy) {
  UsePolicy(0, "consecutiveFailures >= 1");
  Make({Spec("a", "/a")});
  Noted("a subscribe");
  Target(TargetState::kReady);
  target_.Answer({-2, -2, -2, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  broker_->Hand("a", R"({"id":"2"})");
  Noted("a done", 2);
  EXPECT_EQ(Count("a failed"), 0);
}

// The stream found its broker in the tables of before the change.
TEST_F(ManagerTest, ListsWhatStands) {
  broker_->Refuse(true);
  Make({Spec("a", "/a")});
  Noted("a refused");
  EXPECT_TRUE(manager_->HasSubscriptions());
  EXPECT_TRUE(manager_->List().empty());
  broker_->Refuse(false);
  Noted("a subscribe");
  Until([&] { return manager_->List().size() == 1; });
}

TEST_F(ManagerTest, UndecodableMessagesFailOrAreDead) {
  SubscriptionSpec spec = Spec("b", "/b");
  spec.dead_letter_topic = "dead";
  Make({Spec("a", "/a"), spec});
  Noted("a subscribe");
  Noted("b subscribe");
  Target(TargetState::kReady);
  broker_->Hand("a", "no event");
  Noted("a failed");
  broker_->Hand("b", "no event");
  Noted("published dead no event");
  Noted("b done");
  EXPECT_TRUE(target_.sent().empty());
}

TEST_F(ManagerTest, WrongDeclaredRulesAreRefused) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.rules = {{"event.type ==", "/x"}};
  const auto publish = std::make_shared<PublishBlock>(
      PublishBlock::Options{.pubsubs = {}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
  const auto manager = SubscriptionManager::Create(
      {.app_id = "app", .declared = {spec}},
      {.loops = loops_, .target = target_, .publish = publish, .log = telemetry::Log("test")});
  EXPECT_FALSE(manager);
}

}  // namespace
}  // namespace blocks::pubsub
