// Invocation under the policies of Resiliency resources.
#include "blocks/invoke/invoke_test_apps.hpp"

namespace blocks::invoke::test {
namespace {

std::shared_ptr<const resiliency::Policies> Policies(const std::string& spec) {
  const auto read = config::ParseResiliency(
      {"r.yaml", 1, "kind: Resiliency\nmetadata: {name: r}\nspec:\n" + spec});
  EXPECT_TRUE(read);
  return resiliency::Policies::Make({*read}, {});
}

// Answers with each status in turn, the last one again and again.
struct Statuses {
  std::vector<int> statuses;
  std::vector<std::string> bodies;
  auto Serve() {
    return [this](http::Exchange& exchange) -> async::Task<void> {
      const async::Context context(async::kForever, &exchange.cancel());
      auto body = co_await http::ReadAll(exchange.body(), context, 1 << 20);
      bodies.push_back(body.value_or("failed"));
      http::ResponseHead head;
      head.status = statuses[std::min(bodies.size(), statuses.size()) - 1];
      exchange.Respond(head, "answer " + std::to_string(bodies.size()));
    };
  }
};

struct UnderPolicies : testing::Test {
  void Use(std::vector<int> statuses, const std::string& spec) {
    script.statuses = std::move(statuses);
    script.bodies.clear();
    if (!app.app_server) app.Serve(script.Serve());
    caller.block->SetPolicies(Policies(spec));
    app.block->SetPolicies(Policies(spec));
  }
  World world;
  Node caller{world, "caller"};
  Node app{world, "app"};
  Statuses script;
};

constexpr const char* kRetry =
    "  policies: {retries: {r: {duration: 1ms, maxRetries: 2}}}\n"
    "  targets: {apps: {app: {retry: r}}}\n";

TEST_F(UnderPolicies, FailedAnswersAreTriedAgainAndTheLastOneIsPassedOn) {
  Use({404, 503, 200}, kRetry);
  app.Open();
  http::StringBody body("hello");
  Answer answer = Invoke(caller, Request("app", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(answer.body, "answer 3");
  EXPECT_EQ(script.bodies, (std::vector<std::string>{"hello", "hello", "hello"}));
  Use({503}, kRetry);
  answer = Invoke(caller, Request("app.ns", "GET", "m"));
  EXPECT_EQ(answer.response.status, 503);
  EXPECT_EQ(answer.body, "answer 3");
}

TEST_F(UnderPolicies, TheOwnAppToo) {
  Use({500, 200}, kRetry);
  http::StringBody body("x");
  const Answer answer = Invoke(app, Request("app", "POST", "m", &body));
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(script.bodies, (std::vector<std::string>{"x", "x"}));
}

TEST_F(UnderPolicies, OnlyWhatMatches) {
  Use({404},
      "  policies: {retries: {r: {duration: 1ms, maxRetries: 2, matching: {httpStatusCodes: "
      "\"500-599\"}}}}\n  targets: {apps: {app: {retry: r}}}\n");
  EXPECT_EQ(Invoke(app, Request("app", "GET", "m")).response.status, 404);
  EXPECT_EQ(script.bodies.size(), 1u);
}

TEST_F(UnderPolicies, ABodyOfUnknownLengthIsSentOnce) {
  Use({500, 200}, kRetry);
  http::PipeBody body;
  body.Write("some");
  body.Close();
  const Answer answer = Invoke(app, Request("app", "POST", "m", &body));
  EXPECT_EQ(answer.response.status, 500);
  EXPECT_EQ(script.bodies, (std::vector<std::string>{"some"}));
}

TEST_F(UnderPolicies, BreakersRefuse) {
  Use({500},
      "  policies: {circuitBreakers: {b: {timeout: 60s, trip: consecutiveFailures >= 2}}}\n"
      "  targets: {apps: {app: {circuitBreaker: b}}}\n");
  EXPECT_EQ(Invoke(app, Request("app", "GET", "m")).response.status, 500);
  EXPECT_EQ(Invoke(app, Request("app", "GET", "m")).response.status, 500);
  const Answer refused = Invoke(app, Request("app", "GET", "other"));
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.error, "failed to invoke, id: app, err: circuit breaker is open");
  EXPECT_EQ(refused.error_id, base::ErrorId::kDirectInvoke);
  EXPECT_EQ(script.bodies.size(), 2u);
  EXPECT_TRUE(Invoke(caller, Request("caller", "GET", "m")).error.find("breaker") ==
              std::string::npos);
}

TEST_F(UnderPolicies, TimeoutsAreOfEachAttempt) {
  int calls = 0;
  app.Serve([&](http::Exchange& exchange) -> async::Task<void> {
    if (++calls < 3) {
      const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)),
                                   &exchange.cancel());
      co_await async::Sleep(context, async::kForever);
      co_return;
    }
    exchange.Respond({}, "at last");
  });
  const std::string spec =
      "  policies: {timeouts: {t: 30ms}, retries: {r: {duration: 1ms, maxRetries: 2}}}\n"
      "  targets: {apps: {app: {timeout: t, retry: r}}}\n";
  app.block->SetPolicies(Policies(spec));
  EXPECT_EQ(Invoke(app, Request("app", "GET", "m")).body, "at last");
  calls = -10;
  const Answer late = Invoke(app, Request("app", "GET", "m"));
  EXPECT_EQ(late.error, "failed to invoke, id: app, err: context deadline exceeded");
  EXPECT_EQ(calls, -7);
}

TEST_F(UnderPolicies, ANamedAppHasNoBuiltInRetries) {
  caller.block->SetPolicies(
      Policies("  policies: {timeouts: {t: 5s}}\n  targets: {apps: {gone: {timeout: t}}}\n"));
  world.resolver->table["gone.ns"] = {{"127.0.0.1", 1}};
  EXPECT_EQ(Invoke(caller, Request("gone", "GET", "m")).error.find("after 3 retries"),
            std::string::npos);
  world.resolver->table["other.ns"] = {{"127.0.0.1", 1}};
  EXPECT_NE(Invoke(caller, Request("other", "GET", "m")).error.find("after 3 retries"),
            std::string::npos);
  caller.block->SetPolicies(Policies(
      "  policies: {retries: {DaprBuiltInServiceRetries: {duration: 1ms, maxRetries: 4}}}\n"));
  EXPECT_NE(Invoke(caller, Request("gone", "GET", "m")).error.find("after 4 retries"),
            std::string::npos);
}

}  // namespace
}  // namespace blocks::invoke::test
