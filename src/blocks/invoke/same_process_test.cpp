// Invocation between two apps of one process.
#include "blocks/invoke/invoke_test_apps.hpp"
#include "telemetry/exposition.hpp"

namespace blocks::invoke::test {
namespace {

TEST(SameProcess, HeadersAsBetweenProcesses) {
  World world;
  Node caller(world, "caller");
  Node callee(world, "callee");
  world.local.table["callee"] = callee.callee;
  Seen seen;
  callee.Serve(Echo(seen));
  http::StringBody body("hi");
  InvokeRequest request = Request("callee", "POST", "m", &body);
  request.headers.Add("X-Forwarded-For", "9.9.9.9");
  request.headers.Add("Dapr-Caller-App-Id", "spoofed");
  const Answer answer = Invoke(caller, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "echo:hi");
  const http::Headers& headers = seen.head.headers;
  EXPECT_EQ(Values(headers, "dapr-caller-app-id"), (Texts{"caller", "spoofed"}));
  EXPECT_EQ(Values(headers, "dapr-caller-namespace"), Texts{"ns"});
  EXPECT_EQ(Values(headers, "dapr-callee-app-id"), Texts{"callee"});
  EXPECT_EQ(Values(headers, "x-forwarded-for"), (Texts{"9.9.9.9", "10.0.0.1"}));
  EXPECT_EQ(Values(headers, "x-forwarded-host"), Texts{"node"});
  EXPECT_EQ(Values(headers, "forwarded"), Texts{"for=10.0.0.1;by=10.0.0.1;host=node"});
  EXPECT_EQ(world.resolver->asked, 0);
}

struct DenyAll final : AccessPolicy {
  base::Status Check(const CallerIdentity& caller, const Operation& operation) const override {
    return base::Fail(base::Kind::kPermissionDenied, "denied " + caller.app_id + " " +
                                                         std::string(operation.method) + " " +
                                                         std::string(operation.verb));
  }
};

TEST(SameProcess, PolicyAndMetrics) {
  telemetry::Registry registry(1);
  auto caller_metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "caller"});
  auto callee_metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "callee"});
  ASSERT_TRUE(caller_metrics && callee_metrics);
  World world;
  Node caller(
      world, "caller", contracts::AppProtocol::kHttp,
      [&](InvokeOptions&, CalleeOptions& options) { options.metrics = caller_metrics->get(); });
  Node callee(
      world, "callee", contracts::AppProtocol::kHttp,
      [&](InvokeOptions&, CalleeOptions& options) { options.metrics = callee_metrics->get(); });
  Node closed(world, "closed", contracts::AppProtocol::kHttp,
              [&](InvokeOptions&, CalleeOptions& options) {
                options.policy = std::make_shared<DenyAll>();
              });
  world.local.table["callee"] = callee.callee;
  world.local.table["closed"] = closed.callee;
  Seen seen;
  callee.Serve(Echo(seen));
  closed.Serve(Echo(seen));
  ASSERT_TRUE(Invoke(caller, Request("callee", "GET", "m")).ok);
  const Answer denied = Invoke(caller, Request("closed", "GET", "m"));
  EXPECT_EQ(denied.error,
            "failed to invoke, id: closed, err: rpc error: code = PermissionDenied desc = denied "
            "caller m GET");
  EXPECT_EQ(denied.error_id, base::ErrorId::kDirectInvokeDenied);
  const std::string text = telemetry::Exposition(registry);
  for (const char* line :
       {"dapr_runtime_service_invocation_req_sent_total{app_id=\"caller\",dst_app_id=\"callee\","
        "type=\"unary\"} 1",
        "dapr_runtime_service_invocation_req_recv_total{app_id=\"callee\",src_app_id=\"caller\"} 1",
        "dapr_runtime_service_invocation_res_sent_total{app_id=\"callee\",dst_app_id=\"caller\","
        "status=\"201\"} 1",
        "dapr_runtime_service_invocation_res_recv_total{app_id=\"caller\",src_app_id=\"callee\","
        "status=\"201\",type=\"unary\"} 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace blocks::invoke::test
