#include <gtest/gtest.h>

#include "blocks/meta/metadata_block.hpp"

namespace blocks::meta {
namespace {

MetadataBlock MakeBlock(Providers providers = {}, Health::Options health = {}) {
  return MetadataBlock({.app_id = "app",
                        .runtime_version = "1.18.3",
                        .app_command = "",
                        .cli_pid = "",
                        .health = std::move(health)},
                       std::move(providers));
}

TEST(MetadataJson, LeavesOutWhatIsUnset) {
  MetadataBlock block = MakeBlock();
  EXPECT_EQ(MetadataJson(block.Get()),
            R"({"id":"app","runtimeVersion":"1.18.3","extended":{"daprRuntimeVersion":"1.18.3"},)"
            R"("appConnectionProperties":{},"actorRuntime":{"runtimeStatus":"DISABLED",)"
            R"("hostReady":false}})"
            "\n");
}

TEST(MetadataJson, HasEveryFieldInOrder) {
  Metadata m;
  m.id = "a<b";
  m.runtime_version = "1";
  m.enabled_features = {"F"};
  m.components = {{"s", "state.in-memory", "v1", {"ETAG", "ACTOR"}}, {"x", "y.z", "v1", {}}};
  m.extended = {{"k", "v"}};
  m.subscriptions = {{"ps", "t", {{"a", "b"}}, {{"", "/p"}}, "", SubscriptionType::kDeclarative}};
  m.http_endpoints = {"e"};
  m.app_connection = {5000, "http", "127.0.0.1", 10,
                      AppHealthProperties{"/healthz", "10s", "5s", 3}};
  m.actor_runtime = {
      ActorRuntimeStatus::kRunning, {{"abc", 10}, {"z", 0}}, true, "placement: connected"};
  m.scheduler_addresses = {{"1.2.3.4:5"}};
  m.workflow_workers = 2;
  m.mcp_servers = {"m"};
  m.workflow_access_policies = {"w"};
  m.resiliencies = {"r"};
  EXPECT_EQ(
      MetadataJson(m),
      R"({"id":"a\u003cb","runtimeVersion":"1","enabledFeatures":["F"],)"
      R"("actors":[{"type":"abc","count":10},{"type":"z"}],)"
      R"("components":[{"name":"s","type":"state.in-memory","version":"v1","capabilities":["ETAG","ACTOR"]},)"
      R"({"name":"x","type":"y.z","version":"v1"}],"extended":{"k":"v"},)"
      R"("subscriptions":[{"pubsubname":"ps","topic":"t","metadata":{"a":"b"},"rules":[{"path":"/p"}],)"
      R"("deadLetterTopic":"","type":"DECLARATIVE"}],"httpEndpoints":[{"name":"e"}],)"
      R"("appConnectionProperties":{"port":5000,"protocol":"http","channelAddress":"127.0.0.1",)"
      R"("maxConcurrency":10,"health":{"healthCheckPath":"/healthz","healthProbeInterval":"10s",)"
      R"("healthProbeTimeout":"5s","healthThreshold":3}},)"
      R"("actorRuntime":{"runtimeStatus":"RUNNING","activeActors":[{"type":"abc","count":10},{"type":"z"}],)"
      R"("hostReady":true,"placement":"placement: connected"},)"
      R"("scheduler":{"connected_addresses":["1.2.3.4:5"]},"workflows":{"connectedWorkers":2},)"
      R"("mcpServers":[{"name":"m"}],"workflowAccessPolicies":[{"name":"w"}],"resiliencies":[{"name":"r"}]})"
      "\n");
}

TEST(MetadataBlock, KeepsAttributesWithinBounds) {
  MetadataBlock block = MakeBlock();
  ASSERT_TRUE(block.Set("a", "1"));
  ASSERT_TRUE(block.Set("a", "2"));
  EXPECT_EQ(block.Get().extended.at("a"), "2");
  EXPECT_FALSE(block.Set("big", std::string(2 << 20, 'x')));
  EXPECT_FALSE(block.Get().extended.contains("big"));
  base::Status status;
  for (int i = 0; i < 1100 && status; ++i) status = block.Set(std::to_string(i), "v");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::Kind::kExhausted);
  EXPECT_TRUE(block.Set("a", "3")) << "a known key may always change";
}

TEST(MetadataBlock, Shutdown) {
  int calls = 0;
  bool forced = false;
  Providers providers;
  providers.shutdown = [&](bool force) {
    ++calls;
    forced = force;
  };
  MakeBlock(providers).Shutdown(true);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(forced);
  MakeBlock().Shutdown(false);
}

TEST(Health, NamesWhatIsMissing) {
  Health health({.targets = {"runtime", "api"}, .requires_app = false, .app_found = {}});
  EXPECT_EQ(health.Check().error().message, "dapr is not ready: [runtime api]");
  health.MarkReady("api");
  EXPECT_EQ(health.Check().error().message, "dapr is not ready: [runtime]");
  health.MarkReady();
  EXPECT_TRUE(health.Check());
  health.MarkNotReady();
  EXPECT_FALSE(health.Check());
}

TEST(Health, OutboundIsItsOwnFlag) {
  Health health;
  EXPECT_EQ(health.CheckOutbound().error().id, base::ErrorId::kOutboundHealthNotReady);
  health.MarkOutboundReady();
  EXPECT_TRUE(health.CheckOutbound());
  EXPECT_FALSE(health.Check());
}

TEST(Health, RequiredAppIsRememberedOnceSeen) {
  bool there = false;
  Health health({.targets = {"runtime"}, .requires_app = true, .app_found = [&] { return there; }});
  health.MarkReady();
  EXPECT_EQ(health.Check().error().message, "dapr is not ready: [runtime]");
  there = true;
  EXPECT_TRUE(health.Check());
  there = false;
  EXPECT_TRUE(health.Check());
}

TEST(MetadataBlock, HealthChecksTheAppId) {
  MetadataBlock block = MakeBlock();
  EXPECT_EQ(block.CheckHealth("other").error().id, base::ErrorId::kHealthNotReady);
  block.health().MarkReady();
  EXPECT_TRUE(block.CheckHealth(""));
  EXPECT_TRUE(block.CheckHealth("app"));
  EXPECT_EQ(block.CheckHealth("other").error().id, base::ErrorId::kHealthAppIdNotMatch);
}

}  // namespace
}  // namespace blocks::meta
