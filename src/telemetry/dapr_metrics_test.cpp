#include "telemetry/dapr_metrics.hpp"

#include <gtest/gtest.h>

#include "telemetry/exposition.hpp"
#include "telemetry/status_label.hpp"

namespace telemetry {
namespace {

class DaprMetricsTest : public testing::Test {
 protected:
  void SetUp() override { SetShardIndex(0); }
  void TearDown() override { SetShardIndex(-1); }
  std::unique_ptr<InstanceMetrics> Make(InstanceMetricsOptions options) {
    options.app_id = "shop";
    auto metrics = InstanceMetrics::Create(registry_, std::move(options));
    EXPECT_TRUE(metrics) << metrics.error().message;
    return std::move(*metrics);
  }
  // The page's lines about our families that are neither comments nor buckets.
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    const std::string page = Exposition(registry_);
    for (size_t at = 0; at < page.size();) {
      const size_t end = page.find('\n', at);
      const std::string line = page.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("dapr_") && line.find("_bucket{") == std::string::npos) {
        lines.push_back(line);
      }
    }
    return lines;
  }
  Registry registry_{1};
};

using Expected = std::vector<std::string>;

TEST_F(DaprMetricsTest, HttpServer) {
  auto metrics = Make({});
  metrics->HttpServerRequest("GET", "/v1.0/state/s", 200, 1.5, 0, 10);
  metrics->HttpServerRequest("GET", "/v1.0/state/s", 200, 2.5, 0, 20);
  metrics->HttpServerRequest("BREW", "/v1.0/state/s", 404, 1, 5, 0);
  const std::string get = "{app_id=\"shop\",method=\"GET\",path=\"/v1.0/state/s\",status=\"200\"}";
  const std::string brew =
      "{app_id=\"shop\",method=\"UNKNOWN\",path=\"/v1.0/state/s\",status=\"404\"}";
  EXPECT_EQ(Lines(), (Expected{
                         "dapr_http_server_latency_sum" + get + " 4",
                         "dapr_http_server_latency_count" + get + " 2",
                         "dapr_http_server_latency_sum" + brew + " 1",
                         "dapr_http_server_latency_count" + brew + " 1",
                         "dapr_http_server_request_bytes_sum{app_id=\"shop\"} 5",
                         "dapr_http_server_request_bytes_count{app_id=\"shop\"} 3",
                         "dapr_http_server_request_count" + get + " 2",
                         "dapr_http_server_request_count" + brew + " 1",
                         "dapr_http_server_response_bytes_sum{app_id=\"shop\"} 30",
                         "dapr_http_server_response_bytes_count{app_id=\"shop\"} 3",
                         "dapr_http_server_response_count" + get + " 2",
                         "dapr_http_server_response_count" + brew + " 1",
                     }));
}

TEST_F(DaprMetricsTest, LowCardinalityHasNoResponseCount) {
  auto metrics = Make({.http = {.increased_cardinality = false, .exclude_verbs = true}});
  metrics->HttpServerRequest("GET", "", 200, 1, 0, 0);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(
      lines[4],
      "dapr_http_server_request_count{app_id=\"shop\",method=\"\",path=\"\",status=\"200\"} 1");
}

TEST_F(DaprMetricsTest, Grpc) {
  auto metrics = Make({});
  metrics->GrpcServer("/dapr.proto.runtime.v1.Dapr/GetState", 5, 3, 7, 9);
  const std::string m = "grpc_server_method=\"/dapr.proto.runtime.v1.Dapr/GetState\"";
  EXPECT_EQ(Lines(),
            (Expected{
                "dapr_grpc_io_server_completed_rpcs{app_id=\"shop\"," + m +
                    ",grpc_server_status=\"NotFound\"} 1",
                "dapr_grpc_io_server_received_bytes_per_rpc_sum{app_id=\"shop\"," + m + "} 7",
                "dapr_grpc_io_server_received_bytes_per_rpc_count{app_id=\"shop\"," + m + "} 1",
                "dapr_grpc_io_server_sent_bytes_per_rpc_sum{app_id=\"shop\"," + m + "} 9",
                "dapr_grpc_io_server_sent_bytes_per_rpc_count{app_id=\"shop\"," + m + "} 1",
                "dapr_grpc_io_server_server_latency_sum{app_id=\"shop\"," + m +
                    ",grpc_server_status=\"NotFound\"} 3",
                "dapr_grpc_io_server_server_latency_count{app_id=\"shop\"," + m +
                    ",grpc_server_status=\"NotFound\"} 1",
            }));
}

TEST_F(DaprMetricsTest, Components) {
  auto metrics = Make({.name_space = "prod"});
  metrics->StateOperation("redis", "get", true, 4);
  metrics->SecretOperation("vault", "get", false, 4);
  metrics->PubsubIngress("bus", "orders", "success", "200", 4);
  EXPECT_EQ(
      Lines(),
      (Expected{
          "dapr_component_pubsub_ingress_count{app_id=\"shop\",component=\"bus\",namespace="
          "\"prod\","
          "process_status=\"success\",topic=\"orders\",status=\"200\"} 1",
          "dapr_component_pubsub_ingress_latencies_sum{app_id=\"shop\",component=\"bus\","
          "namespace=\"prod\",process_status=\"success\",topic=\"orders\",status=\"200\"} 4",
          "dapr_component_pubsub_ingress_latencies_count{app_id=\"shop\",component=\"bus\","
          "namespace=\"prod\",process_status=\"success\",topic=\"orders\",status=\"200\"} 1",
          "dapr_component_secret_count{app_id=\"shop\",component=\"vault\",namespace=\"prod\","
          "operation=\"get\",success=\"false\"} 1",
          "dapr_component_secret_latencies_sum{app_id=\"shop\",component=\"vault\","
          "namespace=\"prod\",operation=\"get\",success=\"false\"} 4",
          "dapr_component_secret_latencies_count{app_id=\"shop\",component=\"vault\","
          "namespace=\"prod\",operation=\"get\",success=\"false\"} 1",
          "dapr_component_state_count{app_id=\"shop\",component=\"redis\",namespace=\"prod\","
          "operation=\"get\",success=\"true\"} 1",
          "dapr_component_state_latencies_sum{app_id=\"shop\",component=\"redis\","
          "namespace=\"prod\",operation=\"get\",success=\"true\"} 4",
          "dapr_component_state_latencies_count{app_id=\"shop\",component=\"redis\","
          "namespace=\"prod\",operation=\"get\",success=\"true\"} 1",
      }));
}

TEST_F(DaprMetricsTest, InvocationAndAcl) {
  auto metrics = Make({});
  metrics->ServiceInvocationRequestSent("cart", "unary");
  metrics->ServiceInvocationResponseReceived("cart", 0, "unary", 2);
  metrics->AclAction(false, true, "", "", "");
  metrics->AclAction(true, false, "caller", "td", "ns");
  EXPECT_EQ(Lines(),
            (Expected{
                "dapr_runtime_acl_app_policy_action_blocked_total{app_id=\"caller\","
                "trustDomain=\"td\",namespace=\"ns\"} 1",
                "dapr_runtime_acl_global_policy_action_allowed_total{app_id=\"\","
                "trustDomain=\"\",namespace=\"\"} 1",
                "dapr_runtime_service_invocation_req_sent_total{app_id=\"shop\","
                "dst_app_id=\"cart\",type=\"unary\"} 1",
                "dapr_runtime_service_invocation_res_recv_latency_ms_sum{app_id=\"shop\","
                "src_app_id=\"cart\",status=\"0\"} 2",
                "dapr_runtime_service_invocation_res_recv_latency_ms_count{app_id=\"shop\","
                "src_app_id=\"cart\",status=\"0\"} 1",
                "dapr_runtime_service_invocation_res_recv_total{app_id=\"shop\","
                "src_app_id=\"cart\",status=\"0\",type=\"unary\"} 1",
            }));
}

TEST_F(DaprMetricsTest, ErrorCodesOnlyOnRequest) {
  Make({})->ErrorCode("ERR_STATE_GET", "state");
  EXPECT_EQ(Lines(), Expected{});
  registry_.DropApp("shop");
  Make({.record_error_codes = true})->ErrorCode("ERR_STATE_GET", "state");
  EXPECT_EQ(Lines(), Expected{"dapr_error_code_total{app_id=\"shop\",error_code=\"ERR_STATE_GET\","
                              "category=\"state\"} 1"});
}

TEST_F(DaprMetricsTest, CircuitBreakerStateIsOneGaugeOfFour) {
  auto metrics = Make({.name_space = "ns"});
  metrics->ResiliencyExecuted("r", "circuitbreaker", "outbound", "app_cart", "closed");
  metrics->ResiliencyExecuted("r", "circuitbreaker", "outbound", "app_cart", "open");
  const std::string head =
      "dapr_resiliency_cb_state{app_id=\"shop\",name=\"r\",policy=\"circuitbreaker\","
      "namespace=\"ns\",flow_direction=\"outbound\",target=\"app_cart\",status=";
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0], head + "\"closed\"} 0");
  EXPECT_EQ(lines[1], head + "\"half-open\"} 0");
  EXPECT_EQ(lines[2], head + "\"open\"} 1");
  EXPECT_EQ(lines[3], head + "\"unknown\"} 0");
}

TEST_F(DaprMetricsTest, SharedTarget) {
  auto metrics = Make({});
  EXPECT_EQ(Lines(), Expected{});
  metrics->TargetState(TargetMetricState::kReady);
  metrics->TargetState(TargetMetricState::kWaking);
  metrics->WaitingCalls(3);
  metrics->WaitingCalls(-1);
  metrics->Inflight(1);
  metrics->Inflight(-1);
  metrics->Endpoints(4);
  EXPECT_EQ(Lines(), (Expected{
                         "dapr_shared_endpoints{app_id=\"shop\"} 4",
                         "dapr_shared_inflight{app_id=\"shop\"} 0",
                         "dapr_shared_target_state{app_id=\"shop\",state=\"ready\"} 0",
                         "dapr_shared_target_state{app_id=\"shop\",state=\"unavailable\"} 0",
                         "dapr_shared_target_state{app_id=\"shop\",state=\"waking\"} 1",
                         "dapr_shared_waiting_calls{app_id=\"shop\"} 2",
                     }));
}

TEST_F(DaprMetricsTest, OffMeansNothing) {
  auto metrics = Make({.enabled = false});
  EXPECT_FALSE(metrics->enabled());
  metrics->HttpServerRequest("GET", "/", 200, 1, 0, 0);
  metrics->HttpClientRequest("GET", "/", 200, 1, 0, 0);
  metrics->GrpcServer("/m", 0, 1, 0, 0);
  metrics->StateOperation("s", "get", true, 1);
  metrics->ServiceInvocationResponseReceived("a", 200, "unary", 1);
  metrics->AclAction(true, true, "a", "b", "c");
  metrics->TargetState(TargetMetricState::kReady);
  metrics->WaitingCalls(1);
  metrics->JobOperation("trigger", true, 1);
  EXPECT_EQ(Lines(), Expected{});
}

TEST_F(DaprMetricsTest, ThreadsThatAreNoLoopRecordToo) {
  auto metrics = Make({});
  SetShardIndex(-1);
  metrics->ComponentLoaded();
  SetShardIndex(0);
  metrics->ComponentLoaded();
  SetShardIndex(9);  // more loops than announced
  metrics->ComponentLoaded();
  EXPECT_EQ(Lines(), Expected{"dapr_runtime_component_loaded{app_id=\"shop\"} 3"});
}

TEST_F(DaprMetricsTest, LatencyBucketsOfTheConfiguration) {
  auto metrics = Make({.latency_buckets = {5, 50}});
  metrics->StateOperation("s", "get", true, 7);
  const std::string page = Exposition(registry_);
  EXPECT_NE(page.find("success=\"true\",le=\"5\"} 0\n"), std::string::npos);
  EXPECT_NE(page.find("success=\"true\",le=\"50\"} 1\n"), std::string::npos);
  EXPECT_EQ(page.find("le=\"100\""), std::string::npos);
}

TEST_F(DaprMetricsTest, BadSettingsAreRefused) {
  EXPECT_FALSE(InstanceMetrics::Create(registry_, {.http = {.path_matching = {"/{}"}}}));
  EXPECT_FALSE(InstanceMetrics::Create(registry_, {.rules = {{"m", {{"l", {{"x", "["}}}}}}}));
}

TEST(StatusLabel, Table) {
  EXPECT_EQ(HttpStatusLabel(200), "200");
  EXPECT_EQ(HttpStatusLabel(0), "0");
  EXPECT_EQ(HttpStatusLabel(7), "7");
  EXPECT_EQ(HttpStatusLabel(16), "16");
  EXPECT_EQ(HttpStatusLabel(999), "999");
  EXPECT_EQ(HttpStatusLabel(1000), "0");
  EXPECT_EQ(HttpStatusLabel(-1), "0");
  EXPECT_EQ(GrpcStatusLabel(0), "OK");
  EXPECT_EQ(GrpcStatusLabel(16), "Unauthenticated");
  EXPECT_EQ(GrpcStatusLabel(99), "Unknown");
}

}  // namespace
}  // namespace telemetry
