#include "resiliency/execution.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "async/wait.hpp"
#include "telemetry/exposition.hpp"

namespace resiliency {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct World {
  World() {
    auto made = telemetry::InstanceMetrics::Create(registry, {.app_id = "me", .name_space = "ns"});
    EXPECT_TRUE(made);
    metrics = std::move(*made);
    policy.target = "app_x";
    policy.telemetry = {metrics.get(), telemetry::Log("test"), "res", "outbound"};
  }
  void Retry(async::Duration wait, int64_t times) {
    RetryPolicy retry{.duration = wait, .max_retries = times};
    policy.retry = std::make_shared<const RetryPolicy>(std::move(retry));
  }
  void Trip(const std::string& expression) {
    auto spec = ParseBreaker("b", {.timeout = "60s", .trip = expression});
    ASSERT_TRUE(spec);
    policy.breaker = std::make_shared<Breaker>(std::make_shared<const BreakerSpec>(*spec));
  }
  bool Has(const std::string& line) {
    const std::string text = telemetry::Exposition(registry);
    return text.find(line) != std::string::npos;
  }
  async::LoopGroup loops{1};
  telemetry::Registry registry{1};
  std::unique_ptr<telemetry::InstanceMetrics> metrics;
  Policy policy;
};

// Attempts that end as `outcomes` say, in order; the last one again and again.
struct Script {
  std::vector<Outcome> outcomes;
  int attempts = 0;
  std::string refused;
  async::Duration patience = seconds(20);
  int64_t retries = 0;
};

async::Task<void> Play(World& world, Script& script) {
  const contracts::Call call(async::Context(async::Loop::Current()->After(script.patience)));
  Execution run(world.policy, call);
  while (true) {
    if (const auto entered = run.Enter(); !entered) {
      script.refused = entered.error().message;
      co_return;
    }
    const auto at = std::min<std::size_t>(static_cast<std::size_t>(script.attempts++),
                                          script.outcomes.size() - 1);
    script.retries = run.retries();
    if (!co_await run.Again(script.outcomes[at])) co_return;
  }
}

int Attempts(World& world, Script script) {
  world.loops.RunTaskOn(0, [&] { return Play(world, script); });
  return script.attempts;
}

const Outcome kFailure{.ok = false};

TEST(Execution, TriesAsOftenAsItMay) {
  World world;
  world.Retry(milliseconds(1), 3);
  EXPECT_EQ(Attempts(world, {{kFailure}}), 4);
  EXPECT_EQ(Attempts(world, {{kFailure, kFailure, {}}}), 3);
  EXPECT_EQ(Attempts(world, {{{}}}), 1);
  world.Retry(milliseconds(1), 0);
  EXPECT_EQ(Attempts(world, {{kFailure}}), 1);
  world.policy.retry.reset();
  EXPECT_EQ(Attempts(world, {{kFailure}}), 1);
}

TEST(Execution, NotWhatCannotBeMended) {
  World world;
  world.Retry(milliseconds(1), -1);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .final = true}}}), 1);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .ended = true}}}), 1);
  Script hurried{{kFailure}};
  hurried.patience = milliseconds(20);
  EXPECT_GT(Attempts(world, hurried), 1) << "and it ends with its call";
}

TEST(Execution, OnlyCodesThatMatch) {
  World world;
  RetryPolicy retry{.duration = milliseconds(1), .max_retries = 2};
  retry.match = *CodeMatch::Parse({.http_status_codes = "500-599", .grpc_status_codes = "14"});
  world.policy.retry = std::make_shared<const RetryPolicy>(retry);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .code = 503}}}), 3);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .code = 404}}}), 1);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .code = 14}}}), 3);
  EXPECT_EQ(Attempts(world, {{{.ok = false, .code = 13}}}), 1);
  EXPECT_EQ(Attempts(world, {{kFailure}}), 3) << "failures without a code";
}

TEST(Execution, AnOpenBreakerEndsTheTries) {
  World world;
  world.Retry(milliseconds(1), 10);
  world.Trip("consecutiveFailures >= 3");
  Script script{{kFailure}};
  world.loops.RunTaskOn(0, [&] { return Play(world, script); });
  EXPECT_EQ(script.attempts, 3);
  EXPECT_EQ(script.refused, "circuit breaker is open");
  Script next{{{}}};
  world.loops.RunTaskOn(0, [&] { return Play(world, next); });
  EXPECT_EQ(next.attempts, 0);
}

async::Task<void> Deadlines(World& world) {
  async::Loop& loop = *async::Loop::Current();
  world.policy.timeout = milliseconds(5);
  const contracts::Call call(async::Context(loop.After(seconds(10))));
  Execution run(world.policy, call);
  EXPECT_TRUE(run.Enter());
  EXPECT_LE(run.attempt().deadline, loop.After(milliseconds(5)));
  EXPECT_EQ(co_await async::Sleep(run.attempt(), async::kForever), async::Wake::kTimeout);
  EXPECT_FALSE(co_await run.Again({.ok = false, .timed_out = true}));
  EXPECT_TRUE(run.timed_out());
  const base::Status failed = base::Fail(base::Kind::kTimeout, "read: timed out");
  EXPECT_EQ(run.Last(failed).error().message, "context deadline exceeded");
  const contracts::Call nearer(async::Context(loop.After(milliseconds(1))));
  Execution short_run(world.policy, nearer);
  EXPECT_TRUE(short_run.Enter());
  EXPECT_EQ(short_run.attempt().deadline, nearer.deadline);
}

TEST(Execution, EachAttemptHasItsTime) {
  World world;
  world.loops.RunTaskOn(0, [&] { return Deadlines(world); });
  EXPECT_TRUE(
      world.Has("dapr_resiliency_activations_total{app_id=\"me\",name=\"res\","
                "policy=\"timeout\",namespace=\"ns\",flow_direction=\"outbound\","
                "target=\"app_x\",status=\"\"} 1"));
}

TEST(Execution, Metrics) {
  World world;
  world.Retry(milliseconds(1), 2);
  world.Trip("consecutiveFailures >= 9");
  EXPECT_EQ(Attempts(world, {{kFailure}}), 3);
  const std::string labels =
      "\",namespace=\"ns\",flow_direction=\"outbound\",target=\"app_x\",status=\"";
  const std::string start = "{app_id=\"me\",name=\"res\",policy=\"";
  EXPECT_TRUE(world.Has("dapr_resiliency_count" + start + "retry" + labels + "\"} 1"));
  EXPECT_TRUE(
      world.Has("dapr_resiliency_count" + start + "circuitbreaker" + labels + "closed\"} 1"));
  EXPECT_TRUE(world.Has("dapr_resiliency_activations_total" + start + "retry" + labels + "\"} 1"))
      << "once an operation, however often it is tried";
  EXPECT_TRUE(
      world.Has("dapr_resiliency_cb_state" + start + "circuitbreaker" + labels + "closed\"} 1"));
}

}  // namespace
}  // namespace resiliency
