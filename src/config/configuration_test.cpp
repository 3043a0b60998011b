#include "config/configuration.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace config {
namespace {

using V = std::vector<std::string>;

Configuration Merge(std::initializer_list<std::string> specs) {
  Configuration out;
  for (const std::string& spec : specs) {
    const auto status = MergeConfiguration({"c.yaml", 1, "spec:\n" + spec}, out);
    EXPECT_TRUE(status) << status.error().message;
  }
  return out;
}

TEST(Configuration, Defaults) {
  const Configuration c;
  EXPECT_EQ(c.access_control.default_action, "allow");
  EXPECT_EQ(c.access_control.trust_domain, "public");
  EXPECT_TRUE(c.Metrics().Enabled());
  EXPECT_TRUE(c.Metrics().IncreasedCardinality());
  EXPECT_FALSE(c.Metrics().ExcludeVerbs());
  EXPECT_FALSE(c.Metrics().RecordErrorCodes());
  EXPECT_EQ(c.Metrics().LatencyBuckets().size(), 34u);
  EXPECT_EQ(c.Metrics().LatencyBuckets().back(), 100000);
  EXPECT_TRUE(c.tracing.otel.is_secure);
  EXPECT_DOUBLE_EQ(c.tracing.SamplingRate(), 1e-4);
  EXPECT_TRUE(c.FeatureEnabled("HotReload"));
  EXPECT_TRUE(c.FeatureEnabled("WorkflowsRemoteActivityReminder"));
  EXPECT_FALSE(c.FeatureEnabled("ActorStateTTL"));
  EXPECT_FALSE(c.FeatureEnabled("Nonsense"));
  EXPECT_TRUE(CheckConfiguration(c));
}

TEST(Configuration, AllFields) {
  const Configuration c = Merge({R"(
  httpPipeline: {handlers: [{name: a, type: middleware.http.x, version: v2, selector: {fields: [{field: f, value: v}]}}, {name: b, type: t}]}
  appHttpPipeline: {handlers: [{name: c, type: t}]}
  tracing:
    samplingRate: "0.5"
    stdout: true
    zipkin: {endpointAddress: "http://z"}
    otel: {protocol: http, endpointAddress: o:4318, isSecure: false, headers: [{name: h, value: v}], timeout: 5s}
  metric:
    enabled: false
    recordErrorCodes: true
    http: {increasedCardinality: false, pathMatching: [/a, /b], excludeVerbs: true}
    rules: [{name: r, labels: [{name: method, regex: {orders: "x.+"}}]}]
    latencyDistributionBuckets: [1, 5]
  mtls: {enabled: true, workloadCertTTL: 24h, allowedClockSkew: 15m, sentryAddress: s, controlPlaneTrustDomain: d}
  secrets: {scopes: [{storeName: s, defaultAccess: deny, allowedSecrets: [a], deniedSecrets: [b]}]}
  accessControl:
    defaultAction: deny
    trustDomain: td
    policies: [{appId: x, defaultAction: allow, trustDomain: p, namespace: n, operations: [{name: /op, httpVerb: [GET, "*"], action: deny}]}]
  nameResolution: {component: sqlite, version: v1, configuration: {connectionString: a.db, n: 1}}
  features: [{name: HotReload, enabled: false}, {name: ActorStateTTL, enabled: true}, {name: WorkflowsRemoteActivityReminder}]
  api: {allowed: [{name: state, version: v1.0, protocol: http}], denied: [{name: invoke, version: v1}]}
  components: {deny: [bindings.smtp, State.Redis/v1]}
  logging: {apiLogging: {enabled: true, obfuscateURLs: true, omitHealthChecks: false}}
  wasm: {strictSandbox: true}
  workflow: {maxConcurrentWorkflowInvocations: 3, maxConcurrentActivityInvocations: 4, globalMaxConcurrentWorkflowInvocations: 5, workflowConcurrencyLimits: [{name: w, maxConcurrent: 2}], stateRetentionPolicy: {completed: 1h}}
)"});
  ASSERT_EQ(c.http_pipeline.size(), 2u);
  EXPECT_EQ(c.http_pipeline[0].LogName(), "a (middleware.http.x/v2)");
  EXPECT_EQ(c.http_pipeline[0].selector.at(0).value, "v");
  EXPECT_EQ(c.http_pipeline[1].LogName(), "b (t/v1)");
  EXPECT_EQ(c.app_http_pipeline.at(0).name, "c");
  EXPECT_DOUBLE_EQ(c.tracing.SamplingRate(), 0.5);
  EXPECT_TRUE(c.tracing.to_stdout);
  EXPECT_EQ(c.tracing.zipkin_endpoint, "http://z");
  EXPECT_EQ(c.tracing.otel.protocol, "http");
  EXPECT_FALSE(c.tracing.otel.is_secure);
  EXPECT_EQ(c.tracing.otel.headers.at(0).value, "v");
  EXPECT_EQ(c.tracing.otel.timeout, "5s");
  const Metric m = c.Metrics();
  EXPECT_FALSE(m.Enabled());
  EXPECT_TRUE(m.RecordErrorCodes());
  EXPECT_FALSE(m.IncreasedCardinality());
  EXPECT_TRUE(m.ExcludeVerbs());
  EXPECT_EQ(m.PathMatching(), (V{"/a", "/b"}));
  EXPECT_EQ(m.rules.at(0).labels.at(0).regex.at("orders"), "x.+");
  EXPECT_EQ(m.LatencyBuckets(), (std::vector<int64_t>{1, 5}));
  EXPECT_EQ(c.mtls.enabled, true);
  EXPECT_EQ(c.mtls.workload_cert_ttl, "24h");
  EXPECT_EQ(c.secret_scopes.at(0).denied_secrets, (V{"b"}));
  EXPECT_EQ(c.access_control.policies.at(0).operations.at(0).http_verbs, (V{"GET", "*"}));
  EXPECT_EQ(c.name_resolution.configuration_json, R"({"connectionString":"a.db","n":1})");
  EXPECT_FALSE(c.FeatureEnabled("HotReload"));
  EXPECT_TRUE(c.FeatureEnabled("ActorStateTTL"));
  EXPECT_FALSE(c.FeatureEnabled("WorkflowsRemoteActivityReminder"));
  EXPECT_EQ(c.api_allowed.at(0).protocol, "http");
  EXPECT_EQ(c.api_denied.at(0).name, "invoke");
  EXPECT_TRUE(c.ComponentDenied("bindings.SMTP", "v3"));
  EXPECT_TRUE(c.ComponentDenied("state.redis", ""));
  EXPECT_FALSE(c.ComponentDenied("state.redis", "v2"));
  EXPECT_EQ(c.api_logging.obfuscate_urls, true);
  EXPECT_EQ(c.api_logging.omit_health_checks, false);
  EXPECT_TRUE(c.wasm_strict_sandbox);
  EXPECT_EQ(c.workflow.max_concurrent_activity_invocations, 4);
  EXPECT_EQ(c.workflow.global_max_concurrent_workflow_invocations, 5);
  EXPECT_FALSE(c.workflow.global_max_concurrent_activity_invocations);
  EXPECT_EQ(c.workflow.workflow_concurrency_limits.at(0).max_concurrent, 2);
  EXPECT_EQ(c.workflow.state_retention_policy->completed, "1h");
}

TEST(Configuration, LaterFilesOverrideScalarsAndReplaceLists) {
  const Configuration c =
      Merge({"  tracing: {samplingRate: 1, otel: {protocol: grpc, endpointAddress: a}}\n"
             "  features: [{name: A, enabled: true}, {name: B, enabled: true}]\n"
             "  metric: {enabled: true, recordErrorCodes: true}\n",
             "  tracing: {otel: {endpointAddress: b}}\n"
             "  features: [{name: C, enabled: true}]\n"
             "  metrics: {enabled: false, http: {excludeVerbs: true}}\n"});
  EXPECT_EQ(c.tracing.sampling_rate, "1");
  EXPECT_EQ(c.tracing.otel.endpoint_address, "b");
  EXPECT_EQ(c.tracing.otel.protocol, "grpc");
  EXPECT_FALSE(c.FeatureEnabled("A"));
  EXPECT_TRUE(c.FeatureEnabled("C"));
  EXPECT_FALSE(c.Metrics().Enabled());
  EXPECT_TRUE(c.Metrics().RecordErrorCodes());
  EXPECT_TRUE(c.Metrics().ExcludeVerbs());
}

TEST(Configuration, SamplingRate) {
  const std::pair<const char*, double> cases[] = {{"", 1e-4}, {"x", 1e-4}, {"0", 0},      {"1", 1},
                                                  {"2", 1},   {"-1", 0},   {"0.25", 0.25}};
  for (const auto& [text, rate] : cases) {
    EXPECT_DOUBLE_EQ(Tracing{.sampling_rate = text}.SamplingRate(), rate) << text;
  }
}

TEST(Configuration, SecretScopes) {
  EXPECT_TRUE((SecretsScope{"s", "", {}, {}}.Allows("a")));
  EXPECT_FALSE((SecretsScope{"s", "Deny", {}, {}}.Allows("a")));
  EXPECT_TRUE((SecretsScope{"s", "deny", {"a"}, {}}.Allows("a")));
  EXPECT_FALSE((SecretsScope{"s", "allow", {"a"}, {}}.Allows("b")));
  EXPECT_FALSE((SecretsScope{"s", "allow", {}, {"a"}}.Allows("a")));
  EXPECT_TRUE((SecretsScope{"s", "allow", {}, {"a"}}.Allows("b")));
  EXPECT_FALSE((SecretsScope{"s", "deny", {}, {"a"}}.Allows("b")));
  EXPECT_TRUE((SecretsScope{"s", "deny", {"a"}, {"a"}}.Allows("a")));
}

TEST(Configuration, ChecksAfterMerging) {
  const std::pair<const char*, const char*> cases[] = {
      {"  secrets: {scopes: [{storeName: s}, {storeName: s}]}\n",
       "the store \"s\" is listed twice"},
      {"  secrets: {scopes: [{storeName: s, defaultAccess: maybe}]}\n", "must be allow or deny"},
      {"  accessControl: {policies: [{appId: a, namespace: n}]}\n",
       "invalid access control spec. c.yaml:2: field spec.accessControl.policies[0]: the policy "
       "for "
       "app \"a\" lacks trustDomain; every"},
      {"  accessControl: {policies: [{}]}\n", "app \"\" lacks appId, trustDomain, namespace"},
      {"  tracing: {otel: {endpointAddress: a, protocol: smoke}}\n", "must be grpc or http"}};
  for (const auto& [spec, text] : cases) {
    const auto status = CheckConfiguration(Merge({spec}));
    ASSERT_FALSE(status) << spec;
    EXPECT_NE(status.error().message.find(text), std::string::npos) << status.error().message;
  }
}

TEST(Configuration, AccessControlKnowsWhatAFileGave) {
  EXPECT_EQ(Configuration().access_control.source, "");
  const Configuration bare = Merge({"  accessControl: {trustDomain: td}\n"});
  EXPECT_EQ(bare.access_control.source, "c.yaml:2");
  EXPECT_FALSE(bare.access_control.default_given);
  EXPECT_EQ(bare.access_control.default_action, "allow");
  const Configuration given = Merge({"  accessControl: {defaultAction: \"\"}\n"});
  EXPECT_TRUE(given.access_control.default_given);
  EXPECT_EQ(given.access_control.default_action, "");
}

TEST(Configuration, FilesAndEnvironment) {
  namespace fs = std::filesystem;
  const fs::path dir =
      fs::path(testing::TempDir()) / ("configuration_" + std::to_string(::getpid()));
  fs::create_directories(dir);
  std::ofstream(dir / "a.yaml")
      << "---\nkind: Configuration\nmetadata: {name: a}\nspec:\n"
         "  tracing: {samplingRate: \"$RATE\", zipkin: {endpointAddress: \"${ZIPKIN}/x\"}}\n"
         "---\nspec: {tracing: {samplingRate: \"0.9\"}}\n";
  std::ofstream(dir / "bad.yaml") << "spec:\n  features: 5\n";
  const MapEnv env({{"RATE", "0.3"}, {"ZIPKIN", "http://z"}});
  const auto got = LoadConfiguration({(dir / "a.yaml").string()}, env);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_DOUBLE_EQ(got->tracing.SamplingRate(), 0.3);
  EXPECT_EQ(got->tracing.zipkin_endpoint, "http://z/x");
  const auto bad = LoadConfiguration({(dir / "a.yaml").string(), (dir / "bad.yaml").string()}, env);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "error loading configuration: " + (dir / "bad.yaml").string() +
                                     ":2: field spec.features: expected a list, found an integer");
  const auto missing = LoadConfiguration({(dir / "none.yaml").string()}, env);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().message.starts_with("error loading configuration: "))
      << missing.error().message;
  EXPECT_TRUE(LoadConfiguration({}, env));
  fs::remove_all(dir);
}

TEST(Configuration, WhatIsNoConfigurationIsRefusedOnceServing) {
  namespace fs = std::filesystem;
  const fs::path file =
      fs::path(testing::TempDir()) / ("no_configuration_" + std::to_string(::getpid()) + ".yaml");
  const MapEnv env;
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "kind: Component\nspec: {type: a}\n",
                           "kind: Configuration\n", "kind: Configuration\nspec:\n", "spec: {}\n",
                           "kind: Component\n---\nkind: Configuration\nspec: {}\n"}) {
    std::ofstream(file) << text;
    const auto refused = LoadConfiguration({file.string()}, env, OtherFiles::kRefuse);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message.find(file.string()), std::string::npos);
    const auto warned = LoadConfiguration({file.string()}, env);
    ASSERT_TRUE(warned) << text;
    ASSERT_EQ(warned->warnings.size(), 1u) << text;
    EXPECT_NE(warned->warnings.front().find(file.string()), std::string::npos);
  }
  std::ofstream(file) << "kind: Configuration\nspec: {}\n";
  const auto good = LoadConfiguration({file.string()}, env, OtherFiles::kRefuse);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->warnings.empty());
  fs::remove(file);
}

TEST(Configuration, OtelFromEnvironment) {
  const MapEnv env({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4317"},
                    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318"},
                    {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"},
                    {"OTEL_EXPORTER_OTLP_INSECURE", "true"},
                    {"OTEL_EXPORTER_OTLP_HEADERS", "a=1, b = 2,broken"},
                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "5000"}});
  Configuration c;
  ApplyOtelEnv(env, c);
  EXPECT_EQ(c.tracing.otel.endpoint_address, "http://traces:4318");
  EXPECT_EQ(c.tracing.otel.protocol, "http");
  EXPECT_FALSE(c.tracing.otel.is_secure);
  ASSERT_EQ(c.tracing.otel.headers.size(), 2u);
  EXPECT_EQ(c.tracing.otel.headers[1].name, "b");
  EXPECT_EQ(c.tracing.otel.headers[1].value, "2");
  EXPECT_EQ(c.tracing.sampling_rate, "1");
  Configuration own = Merge({"  tracing: {otel: {endpointAddress: mine, protocol: grpc}}\n"});
  ApplyOtelEnv(env, own);
  EXPECT_EQ(own.tracing.otel.endpoint_address, "mine");
  EXPECT_EQ(own.tracing.sampling_rate, "");
}

}  // namespace
}  // namespace config
