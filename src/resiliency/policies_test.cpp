#include "resiliency/policies.hpp"

#include <gtest/gtest.h>

#include "telemetry/exposition.hpp"

namespace resiliency {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

config::Resiliency Read(const std::string& spec, const std::string& name = "r") {
  const auto read = config::ParseResiliency(
      {"r.yaml", 1,
       "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: " + name + "}\nspec:\n" +
           spec});
  EXPECT_TRUE(read) << read.error().message;
  return read.value_or(config::Resiliency());
}

constexpr const char* kAll = R"(
  policies:
    timeouts: {short: 250ms, bare: 1500, DefaultTimeoutPolicy: 9s, DefaultAppTimeoutPolicy: 8s,
               DefaultStatestoreComponentOutboundTimeoutPolicy: 3s, DefaultComponentTimeoutPolicy: 4s}
    retries:
      plain: {policy: constant, duration: 2s, maxRetries: 4, matching: {httpStatusCodes: "429,500-503", gRPCStatusCodes: "14"}}
      growing: {policy: exponential, duration: 1s, maxInterval: 15s}
      DaprBuiltInServiceRetries: {duration: 10ms, maxRetries: 1}
      DaprBuiltInActorNotFoundRetries: {duration: 10ms, maxRetries: 9}
      DefaultComponentInboundRetryPolicy: {duration: 1s, maxRetries: 2}
    circuitBreakers:
      simple: {maxRequests: 1, interval: 8s, timeout: 45s, trip: consecutiveFailures >= 3}
      DefaultAppCircuitBreakerPolicy: {}
  targets:
    apps:
      cart: {timeout: short, retry: plain, circuitBreaker: simple}
      bare: {timeout: bare}
      lost: {timeout: nowhere, retry: DaprBuiltInServiceRetries}
    components:
      store: {outbound: {retry: growing}, inbound: {timeout: short}}
)";

TEST(Policies, NamedTargets) {
  const auto policies = Policies::Make({Read(kAll)}, {});
  ASSERT_TRUE(policies);
  EXPECT_EQ(policies->names(), std::vector<std::string>{"r"});
  const Policy* cart = policies->App("cart");
  ASSERT_TRUE(cart);
  EXPECT_EQ(cart->target, "app_cart");
  EXPECT_EQ(cart->timeout, async::Duration(milliseconds(250)));
  ASSERT_TRUE(cart->retry && cart->breaker);
  EXPECT_EQ(cart->retry->max_retries, 4);
  EXPECT_EQ(cart->retry->duration, async::Duration(seconds(2)));
  EXPECT_TRUE(cart->retry->match.Matches(501) && cart->retry->match.Matches(14));
  EXPECT_FALSE(cart->retry->match.Matches(504) || cart->retry->match.Matches(13));
  EXPECT_EQ(cart->breaker->spec()->timeout, async::Duration(seconds(45)));
  EXPECT_TRUE(policies->NamesApp("cart") && !policies->NamesApp("other"));
  EXPECT_EQ(policies->App("bare")->timeout, async::Duration(milliseconds(1'500)));
  EXPECT_FALSE(policies->App("bare")->retry);
  EXPECT_TRUE(policies->App("lost")->retry) << "built-in policies have names too";
  EXPECT_EQ(policies->App("lost")->timeout, async::Duration::zero());
  const auto out = policies->Component("store", ComponentKind::kStatestore, Direction::kOutbound);
  ASSERT_TRUE(out && out->retry);
  EXPECT_EQ(out->target, "Statestore_store");
  EXPECT_TRUE(out->retry->exponential);
  EXPECT_EQ(out->retry->initial_interval, async::Duration(milliseconds(500))) << "not `duration`";
  EXPECT_EQ(out->retry->max_interval, async::Duration(seconds(15)));
  EXPECT_EQ(out->retry->max_elapsed, async::Duration(minutes(15)));
  EXPECT_EQ(out->retry->max_retries, -1);
  EXPECT_EQ(out->timeout, async::Duration::zero()) << "a named target has no defaults";
}

TEST(Policies, DefaultsMostSpecificFirst) {
  const auto policies = Policies::Make({Read(kAll)}, {});
  ASSERT_TRUE(policies);
  const Policy* app = policies->App("other");
  ASSERT_TRUE(app && app->breakers);
  EXPECT_EQ(app->timeout, async::Duration(seconds(8)));
  EXPECT_FALSE(app->retry);
  const auto timeout = [&](ComponentKind kind, Direction direction) {
    return policies->Component("x", kind, direction)->timeout;
  };
  EXPECT_EQ(timeout(ComponentKind::kStatestore, Direction::kOutbound), async::Duration(seconds(3)));
  EXPECT_EQ(timeout(ComponentKind::kPubsub, Direction::kOutbound), async::Duration(seconds(4)));
  const auto inbound = policies->Component("x", ComponentKind::kPubsub, Direction::kInbound);
  ASSERT_TRUE(inbound && inbound->retry);
  EXPECT_EQ(inbound->retry->max_retries, 2);
  const auto first = app->breakers->Get("a", nullptr);
  EXPECT_EQ(first, app->breakers->Get("a", nullptr));
  EXPECT_NE(first, app->breakers->Get("b", nullptr));
  for (int i = 0; i < 200; ++i) app->breakers->Get(std::to_string(i), nullptr);
  EXPECT_NE(first, app->breakers->Get("a", nullptr)) << "only the latest are kept";
}

TEST(Policies, BuiltIns) {
  EXPECT_EQ(BuiltInRetries(kServiceRetries).max_retries, 3);
  EXPECT_EQ(BuiltInRetries(kServiceRetries).duration, async::Duration(seconds(1)));
  EXPECT_EQ(BuiltInRetries("DaprBuiltInActorNotFoundRetries").max_retries, 5);
  const auto policies = Policies::Make({Read(kAll)}, {});
  const RetryPolicy* service = policies->Redefined(kServiceRetries);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->max_retries, 3) << "never fewer";
  EXPECT_EQ(service->duration, async::Duration(milliseconds(10)));
  EXPECT_FALSE(policies->Redefined("DaprBuiltInActorNotFoundRetries")) << "cannot be";
  EXPECT_FALSE(policies->Redefined("DaprBuiltInActorRetries"));
}

TEST(Policies, SeveralResourcesAreOne) {
  telemetry::Registry registry(1);
  auto metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "me", .name_space = "ns"});
  ASSERT_TRUE(metrics);
  const auto policies = Policies::Make(
      {Read("  policies: {timeouts: {t: 1s}, retries: {r: {maxRetries: 1}}}\n"
            "  targets: {apps: {a: {timeout: t}}}\n",
            "one"),
       Read("  policies: {timeouts: {t: never}}\n", "wrong"),
       Read("  policies: {timeouts: {t: 2s}}\n  targets: {apps: {b: {retry: r}}}\n", "two")},
      {.metrics = metrics->get()});
  ASSERT_TRUE(policies);
  EXPECT_EQ(policies->names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(policies->App("a")->timeout, async::Duration(seconds(2)));
  EXPECT_EQ(policies->App("b")->retry->max_retries, 1);
  EXPECT_FALSE(policies->App("c"));
  const std::string text = telemetry::Exposition(registry);
  EXPECT_NE(text.find("dapr_resiliency_loaded{app_id=\"me\",name=\"two\",namespace=\"ns\"} 1"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("wrong"), std::string::npos);
}

TEST(Policies, ResourcesWithMistakesAreLeftOutWhole) {
  EXPECT_FALSE(Policies::Make({}, {}));
  for (const char* spec :
       {"  policies: {timeouts: {t: never}}\n", "  policies: {retries: {r: {policy: now}}}\n",
        "  policies: {retries: {r: {duration: x}}}\n",
        "  policies: {retries: {r: {matching: {httpStatusCodes: \"600\"}}}}\n",
        "  policies: {retries: {r: {matching: {httpStatusCodes: \"500-400\"}}}}\n",
        "  policies: {retries: {r: {matching: {gRPCStatusCodes: \"1-2-3\"}}}}\n",
        "  policies: {circuitBreakers: {c: {trip: \"a +\"}}}\n",
        "  targets: {actors: {t: {circuitBreaker: c}}}\n"}) {
    EXPECT_FALSE(Policies::Make({Read(spec)}, {})) << spec;
  }
  EXPECT_TRUE(Policies::Make(
      {Read("  targets: {actors: {t: {circuitBreaker: c, circuitBreakerScope: both}}}\n")}, {}));
}

TEST(Backoff, ConstantAndCounted) {
  RetryPolicy policy{.duration = seconds(2), .max_retries = 2};
  Backoff backoff(policy, async::TimePoint());
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.1), async::Duration(seconds(2)));
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.9), async::Duration(seconds(2)));
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.5), std::nullopt);
  EXPECT_EQ(backoff.retries(), 2);
}

TEST(Backoff, ExponentialWithJitterCapAndEnd) {
  RetryPolicy policy{.exponential = true, .max_interval = milliseconds(1'000)};
  Backoff backoff(policy, async::TimePoint());
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.0), async::Duration(milliseconds(250)));
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.5), async::Duration(milliseconds(750)));
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.5), async::Duration(milliseconds(1'000)));
  EXPECT_EQ(backoff.Next(async::TimePoint(), 0.5), async::Duration(milliseconds(1'000)));
  EXPECT_EQ(backoff.Next(async::TimePoint(minutes(15) - milliseconds(999)), 0.5), std::nullopt);
}

TEST(CodeMatch, EmptyMatchesAllOfItsKind) {
  const auto match = CodeMatch::Parse({.http_status_codes = "500", .grpc_status_codes = ""});
  ASSERT_TRUE(match);
  EXPECT_TRUE(match->Matches(500) && match->Matches(13) && match->Matches(0));
  EXPECT_FALSE(match->Matches(404) || match->Matches(99) || match->Matches(600));
  EXPECT_TRUE(CodeMatch().Matches(404));
}

}  // namespace
}  // namespace resiliency
