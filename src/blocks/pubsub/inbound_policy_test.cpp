#include "blocks/pubsub/inbound_policy.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"

namespace blocks::pubsub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Attempt final : DeliveryAttempt {
  async::Task<DeliveryResult> Run(const contracts::Call& call) override {
    const Answer answer = answers[std::min(static_cast<std::size_t>(runs++), answers.size() - 1)];
    deadline = call.deadline;
    co_return DeliveryResult{answer, "why"};
  }
  std::vector<Answer> answers;
  int runs = 0;
  async::TimePoint deadline;
};

async::Task<void> Run(InboundPolicy& policy, Attempt& attempt, DeliveryResult& out) {
  const contracts::Call call;
  out = co_await policy.Run(call, attempt);
}

struct World {
  World() {
    auto made = std::make_shared<resiliency::Policy>();
    made->target = "Pubsub_x";
    made->timeout = seconds(7);
    made->retry = std::make_shared<const resiliency::RetryPolicy>(
        resiliency::RetryPolicy{.duration = milliseconds(1), .max_retries = 2});
    auto spec = resiliency::ParseBreaker("b", {.trip = "consecutiveFailures >= 4"});
    made->breaker = std::make_shared<resiliency::Breaker>(
        std::make_shared<const resiliency::BreakerSpec>(*spec));
    policy.Set(made);
  }
  DeliveryResult Deliver(std::vector<Answer> answers) {
    attempt = {};
    attempt.answers = std::move(answers);
    DeliveryResult out;
    loops.RunTaskOn(0, [&]() -> async::Task<void> { return Run(policy, attempt, out); });
    return out;
  }
  async::LoopGroup loops{1};
  InboundPolicy policy;
  Attempt attempt;
};

TEST(InboundPolicy, WithoutAPolicyOnce) {
  World world;
  world.policy.Set(nullptr);
  EXPECT_EQ(world.Deliver({Answer::kRetry}).answer, Answer::kRetry);
  EXPECT_EQ(world.attempt.runs, 1);
  EXPECT_EQ(world.attempt.deadline, async::kForever);
}

TEST(InboundPolicy, TriesAgainAndGivesTheLastResult) {
  World world;
  EXPECT_EQ(world.Deliver({Answer::kRetry, Answer::kFailed, Answer::kSuccess}).answer,
            Answer::kSuccess);
  EXPECT_EQ(world.attempt.runs, 3);
  EXPECT_NE(world.attempt.deadline, async::kForever);
  EXPECT_EQ(world.Deliver({Answer::kDrop}).answer, Answer::kDrop);
  EXPECT_EQ(world.attempt.runs, 1);
}

TEST(InboundPolicy, AnAppThatIsNotThereSpendsNothing) {
  World world;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(world.Deliver({Answer::kAway}).answer, Answer::kAway);
    EXPECT_EQ(world.Deliver({Answer::kRefused}).answer, Answer::kRefused);
    EXPECT_EQ(world.Deliver({Answer::kBroken}).answer, Answer::kBroken);
    EXPECT_EQ(world.Deliver({Answer::kEnded}).answer, Answer::kEnded);
    EXPECT_EQ(world.attempt.runs, 1);
  }
  EXPECT_EQ(world.Deliver({Answer::kSuccess}).answer, Answer::kSuccess) << "the breaker is closed";
}

TEST(InboundPolicy, AnOpenBreakerFailsTheMessage) {
  World world;
  EXPECT_EQ(world.Deliver({Answer::kFailed}).answer, Answer::kFailed);
  const DeliveryResult opened = world.Deliver({Answer::kFailed});
  EXPECT_EQ(world.attempt.runs, 1);
  EXPECT_EQ(opened.answer, Answer::kFailed);
  EXPECT_EQ(opened.why, "circuit breaker is open");
  world.Deliver({Answer::kSuccess});
  EXPECT_EQ(world.attempt.runs, 0);
}

}  // namespace
}  // namespace blocks::pubsub
