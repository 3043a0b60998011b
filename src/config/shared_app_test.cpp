#include "config/shared_app.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace config {
namespace {

constexpr char kHead[] =
    "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\nmetadata: {name: o}\n";

base::Result<SharedApp> Parse(const std::string& spec) {
  return ParseSharedApp({"a.yaml", 1, std::string(kHead) + "spec:\n" + spec});
}

TEST(SharedApp, AllFields) {
  const auto got = Parse(R"(  appId: orders
  target: {address: orders.shop, port: 8080, protocol: GRPC, maxConcurrency: 7, apiTokenSecretRef: {name: s, key: k, store: v}}
  apiTokens:
  - value: plain
  - secretKeyRef: {name: tok}
  config: [a.yaml, b]
  ports: {http: 3501, grpc: 50011, internal: 50012}
  limits: {inFlight: 10, bodyMemory: 64Mi}
  wake: never
  discoveryCache: file:/var/lib/dapr
  resourcesPath: [/r]
  identity: {tokenFile: /t}
)");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->app_id, "orders");
  EXPECT_EQ(got->target.address, "orders.shop");
  EXPECT_EQ(got->target.port, 8080);
  EXPECT_EQ(got->target.protocol, AppProtocol::kGrpc);
  EXPECT_EQ(got->target.max_concurrency, 7);
  EXPECT_EQ(got->target.api_token->store, "v");
  EXPECT_EQ(got->api_tokens.at(0).value, "plain");
  EXPECT_EQ(got->api_tokens.at(1).secret->key, "tok");
  EXPECT_EQ(got->config, (std::vector<std::string>{"a.yaml", "b"}));
  EXPECT_EQ(got->ports.http, 3501);
  EXPECT_EQ(got->ports.internal, 50012);
  EXPECT_EQ(got->limits.in_flight, 10);
  EXPECT_EQ(got->wake, AppWake::kNever);
  EXPECT_EQ(got->discovery_cache, "file:/var/lib/dapr");
  EXPECT_EQ(got->limits.body_memory, 64 << 20);
  EXPECT_EQ(got->resources_paths->at(0), "/r");
  EXPECT_EQ(got->sentry_token_file, "/t");
}

TEST(SharedApp, Defaults) {
  const auto got = Parse("  appId: a\n");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->target.port, 0);
  EXPECT_EQ(got->target.protocol, AppProtocol::kHttp);
  EXPECT_EQ(got->target.max_concurrency, -1);
  EXPECT_FALSE(got->ports.http);
  EXPECT_FALSE(got->resources_paths);
  EXPECT_TRUE(got->api_tokens.empty());
}

TEST(SharedApp, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"  target: {}\n", "a.yaml:5: field spec.appId: parameter app-id cannot be empty"},
      {"  appId: a.b\n", "a.yaml:5: field spec.appId: parameter app-id cannot contain dots"},
      {"  appId: a\n  targett: {}\n",
       "a.yaml:6: field spec.targett: unknown field; known here: appId, target"},
      {"  appId: a\n  target: {port: 70000}\n",
       "a.yaml:6: field spec.target.port: must be a port from 0 to 65535"},
      {"  appId: a\n  target: {port: web}\n",
       "a.yaml:6: field spec.target.port: expected an integer"},
      {"  appId: a\n  target: {protocol: tcp}\n",
       "a.yaml:6: field spec.target.protocol: invalid value \"tcp\""},
      {"  appId: a\n  target: {address: ''}\n", "a.yaml:6: field spec.target.address: must be"},
      {"  appId: a\n  apiTokens: [{}]\n", "a.yaml:6: field spec.apiTokens[0].value: give either"},
      {"  appId: a\n  apiTokens: [{value: x, secretKeyRef: {name: y}}]\n",
       "a.yaml:6: field spec.apiTokens[0].value: give either"},
      {"  appId: a\n  apiTokens: [{value: x}, {value: y}, {value: z}]\n",
       "a.yaml:6: field spec.apiTokens: at most two"},
      {"  appId: a\n  apiTokens: [{secretKeyRef: {key: y}}]\n",
       "a.yaml:6: field spec.apiTokens[0].secretKeyRef.name: must name a secret"},
      {"  appId: a\n  wake: always\n", "a.yaml:6: field spec.wake: invalid value \"always\""},
      {"  appId: a\n  discoveryCache: /tmp\n",
       "a.yaml:6: field spec.discoveryCache: must be of the form"},
      {"  appId: a\n  limits: {bodyMemory: lots}\n",
       "a.yaml:6: field spec.limits.bodyMemory: invalid quantity"},
      {"  appId: a\n  limits: {inFlight: -1}\n",
       "a.yaml:6: field spec.limits.inFlight: may not be negative"},
      {"  appId: a\n  config: main\n", "a.yaml:6: field spec.config: expected a list"}};
  for (const auto& [spec, message] : cases) {
    const auto got = Parse(spec);
    ASSERT_FALSE(got) << spec;
    EXPECT_TRUE(got.error().message.starts_with(message)) << got.error().message;
  }
  EXPECT_FALSE(ParseSharedApp({"a.yaml", 1, kHead}));
  EXPECT_FALSE(ParseSharedApp({"a.yaml", 1, "kind: Other\nspec: {appId: a}\n"}));
  // A token never shows in an error.
  EXPECT_EQ(
      Parse("  appId: a\n  apiTokens: [{value: hunter2, x: 1}]\n").error().message.find("hunter2"),
      std::string::npos);
}

TEST(SharedApp, Folder) {
  namespace fs = std::filesystem;
  const fs::path dir = fs::path(testing::TempDir()) / ("shared_app_" + std::to_string(::getpid()));
  fs::create_directories(dir);
  const auto document = [](const std::string& spec) {
    return std::string(kHead) + "spec: " + spec + "\n---\n";
  };
  std::ofstream(dir / "a.yaml") << document("{appId: one, ports: {http: 1}}")
                                << "kind: ConfigMap\n---\n"
                                << document("{appId: bad.id}");
  std::ofstream(dir / "b.yaml") << document("{appId: one}")
                                << document("{appId: two, ports: {grpc: 1}}")
                                << document("{appId: three, ports: {http: 7, grpc: 7}}")
                                << document("{appId: four, ports: {http: 0, grpc: 0}}") << "a: [\n";
  const auto got = LoadSharedApps(dir.string());
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->apps.size(), 2u);
  EXPECT_EQ(got->apps[0].app_id, "one");
  EXPECT_EQ(got->apps[1].app_id, "four");
  ASSERT_EQ(got->errors.size(), 5u);
  EXPECT_NE(got->errors[1].find("appId one is already used by"), std::string::npos)
      << got->errors[1];
  EXPECT_NE(got->errors[2].find("port 1 is already used by"), std::string::npos) << got->errors[2];
  EXPECT_NE(got->errors[3].find("port 7 is already used by"), std::string::npos) << got->errors[3];
  fs::remove_all(dir);
  EXPECT_FALSE(LoadSharedApps(dir.string()));
}

}  // namespace
}  // namespace config
