#include "resiliency/breaker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace resiliency {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::shared_ptr<const BreakerSpec> Spec(const config::CircuitBreakerSpec& written) {
  auto spec = ParseBreaker("b", written);
  EXPECT_TRUE(spec) << spec.error().message;
  return std::make_shared<const BreakerSpec>(*spec);
}

struct World {
  explicit World(const config::CircuitBreakerSpec& written)
      : breaker(Spec(written), [this](BreakerState, BreakerState to) { changes.push_back(to); }) {}
  // Whether an attempt was let through.
  bool Try(bool success) {
    const auto ticket = breaker.Enter(now);
    if (ticket) breaker.Done(*ticket, success, now);
    return ticket.has_value();
  }
  std::vector<BreakerState> changes;
  Breaker breaker;
  async::TimePoint now = async::TimePoint(seconds(1'000));
};

TEST(Breaker, Parses) {
  const auto spec = ParseBreaker("x", {});
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->max_requests, 1u);
  EXPECT_EQ(spec->interval, async::Duration::zero());
  EXPECT_EQ(spec->timeout, async::Duration(seconds(60)));
  EXPECT_FALSE(spec->trip);
  EXPECT_EQ(ParseBreaker("x", {.max_requests = 3, .interval = "8s", .timeout = "250"})->timeout,
            async::Duration(milliseconds(250)));
  EXPECT_NE(ParseBreaker("x", {.interval = "soon"}).error().message.find("interval: "),
            std::string::npos);
  EXPECT_NE(ParseBreaker("x", {.trip = "totalFailures >"}).error().message.find("trip: "),
            std::string::npos);
  EXPECT_FALSE(ParseBreaker("x", {.trip = "1 + 2"}));
}

TEST(Breaker, OpensAfterMoreThanFiveFailuresInARow) {
  World world({.timeout = "10s"});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.Try(false));
  EXPECT_TRUE(world.Try(true));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(world.Try(false)) << i;
  const auto refused = world.breaker.Enter(world.now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "circuit breaker is open");
  EXPECT_EQ(refused.error().kind, base::Kind::kExhausted);
  world.now += seconds(10);
  EXPECT_FALSE(world.Try(true));
  world.now += milliseconds(1);
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kHalfOpen);
  EXPECT_TRUE(world.Try(true));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
  EXPECT_EQ(world.changes, (std::vector<BreakerState>{BreakerState::kOpen, BreakerState::kHalfOpen,
                                                      BreakerState::kClosed}));
}

TEST(Breaker, HalfOpenLetsSomeThroughAndWantsAllToSucceed) {
  World world({.max_requests = 2, .timeout = "1s", .trip = "consecutiveFailures >= 1"});
  EXPECT_TRUE(world.Try(false));
  world.now += seconds(2);
  const auto first = world.breaker.Enter(world.now);
  const auto second = world.breaker.Enter(world.now);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(world.breaker.Enter(world.now).error().message, "too many requests");
  world.breaker.Done(*first, true, world.now);
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kHalfOpen);
  world.breaker.Done(*second, false, world.now);
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kOpen);
  world.now += seconds(2);
  EXPECT_TRUE(world.Try(true));
  EXPECT_TRUE(world.Try(true));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
}

TEST(Breaker, ForgottenAttemptsCountAsNothing) {
  World world({.timeout = "1s", .trip = "requests >= 2 && totalFailures >= 1"});
  const auto ticket = world.breaker.Enter(world.now);
  world.breaker.Forget(*ticket);
  EXPECT_TRUE(world.Try(false));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
  EXPECT_TRUE(world.Try(false));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kOpen);
  world.now += seconds(2);
  const auto half = world.breaker.Enter(world.now);
  ASSERT_TRUE(half);
  EXPECT_FALSE(world.breaker.Enter(world.now));
  world.breaker.Forget(*half);
  EXPECT_TRUE(world.Try(true)) << "the place is free again";
}

TEST(Breaker, CountsStartAnewWithEachInterval) {
  World world({.interval = "10s", .timeout = "1s", .trip = "totalFailures >= 3"});
  EXPECT_TRUE(world.Try(false));
  EXPECT_TRUE(world.Try(false));
  world.now += seconds(11);
  EXPECT_TRUE(world.Try(false));
  EXPECT_TRUE(world.Try(false));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
  EXPECT_TRUE(world.Try(false));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kOpen);
}

TEST(Breaker, AllCountsOfTheExpression) {
  World world({.trip = "requests == 4 && totalSuccesses == 2 && totalFailures == 2 && "
                       "consecutiveSuccesses == 0 && consecutiveFailures == 1"});
  EXPECT_TRUE(world.Try(false));
  EXPECT_TRUE(world.Try(true));
  EXPECT_TRUE(world.Try(true));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
  EXPECT_TRUE(world.Try(false));
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kOpen);
  World broken({.trip = "nothing.there > 1"});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(broken.Try(false)) << "it never trips";
}

TEST(Breaker, LateResultsOfAnEarlierTimeCountAsNothing) {
  World world({.timeout = "1s", .trip = "consecutiveFailures >= 1"});
  const auto slow = world.breaker.Enter(world.now);
  EXPECT_TRUE(world.Try(false));
  world.breaker.Done(*slow, true, world.now);
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kOpen);
  world.now += seconds(2);
  EXPECT_TRUE(world.Try(true));
  world.breaker.Done(*slow, false, world.now);
  EXPECT_EQ(world.breaker.state(world.now), BreakerState::kClosed);
}

TEST(Breaker, ManyThreadsNeverGetMoreThanTheHalfOpenPlaces) {
  for (int round = 0; round < 50; ++round) {
    World world({.max_requests = 3, .timeout = "1ms", .trip = "consecutiveFailures >= 1"});
    EXPECT_TRUE(world.Try(false));
    world.now += seconds(1);
    std::atomic<int> entered{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 20; ++j) entered += world.breaker.Enter(world.now) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(entered, 3);
  }
}

}  // namespace
}  // namespace resiliency
