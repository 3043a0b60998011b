// Pure parts: manifests, sets and their typed side, the protocol's messages.
#include "control/operator/manifest.hpp"

#include <gtest/gtest.h>

#include "control/operator/protocol.hpp"
#include "control/operator/resource_set.hpp"
#include "grpc/test_wire.hpp"

namespace control {
namespace {

// As captured: everything Kubernetes adds, zero fields shown, a number that stays one.
constexpr std::string_view kComponent = R"({
  "kind":"Component","apiVersion":"dapr.io/v1alpha1",
  "metadata":{"name":"store","namespace":"shop","uid":"7b1","resourceVersion":"41","generation":2,
    "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{}}\n"},
    "managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{}}}]},
  "spec":{"type":"state.redis","version":"v1","ignoreErrors":false,"initTimeout":"",
    "metadata":[
      {"name":"redisHost","value":"redis:6379 \u003c\u0026\u003e","secretKeyRef":{"name":"","key":""}},
      {"name":"maxRetries","value":12,"secretKeyRef":{"name":"","key":""}},
      {"name":"redisPassword","value":"czNjcmV0","secretKeyRef":{"name":"redis","key":"pw"}}]},
  "auth":{"secretStore":""},"scopes":["app","other"]})";

TEST(Manifest, KeepsWhatHasMeaning) {
  const auto got = ReadManifest(ResourceKind::kComponent, kComponent);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->name, "store");
  EXPECT_EQ(got->version, 41u);
  EXPECT_TRUE(got->json.starts_with(R"({"apiVersion":"dapr.io/v1alpha1","kind":"Component",)"
                                    R"("metadata":{"name":"store","namespace":"shop"},"spec":{)"))
      << got->json;
  EXPECT_TRUE(got->json.ends_with(R"(,"auth":{"secretStore":""},"scopes":["app","other"]})"));
  EXPECT_EQ(got->json.find("managedFields"), std::string::npos);
}

TEST(Manifest, AnEventSaysTheSameAsAList) {
  std::string event(kComponent);
  const auto cut = [&](std::string_view text) { event.erase(event.find(text), text.size()); };
  cut(R"("kind":"Component","apiVersion":"dapr.io/v1alpha1",)");
  cut(R"("uid":"7b1",)");
  EXPECT_EQ(ReadManifest(ResourceKind::kComponent, event)->json,
            ReadManifest(ResourceKind::kComponent, kComponent)->json);
}

TEST(Manifest, RefusesWhatIsNone) {
  for (const std::string_view bad :
       {"", "{", "[]", "null", "{}", R"({"metadata":{}})", R"({"metadata":{"name":""}})",
        R"({"metadata":{"name":3}})", R"({"metadata":{"name":"a\u0062"}})",
        R"({"kind":"Secret","metadata":{"name":"s3cret"}})"}) {
    const auto got = ReadManifest(ResourceKind::kComponent, bad);
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().message.find("s3cret"), std::string::npos);
  }
}

ResourceSet SetOf(std::initializer_list<std::pair<ResourceKind, std::string_view>> objects) {
  ResourceSet out;
  for (const auto& [kind, json] : objects) {
    auto manifest = ReadManifest(kind, json);
    EXPECT_TRUE(manifest) << manifest.error().message;
    if (manifest) EXPECT_TRUE(out.Put(kind, *std::move(manifest)));
  }
  return out;
}

TEST(Resources, AreTypedByTheRulesOfFiles) {
  const ResourceSet set = SetOf({
      {ResourceKind::kComponent, kComponent},
      {ResourceKind::kSubscription,
       R"({"metadata":{"name":"orders","namespace":"shop"},"spec":{"pubsubname":"bus","topic":"t",
           "routes":{"default":"/orders"},"bulkSubscribe":{"enabled":false}}})"},
      {ResourceKind::kSubscription,
       R"({"apiVersion":"dapr.io/v1alpha1","metadata":{"name":"old"},
           "spec":{"pubsubname":"bus","topic":"u","route":"/old"}})"},
      {ResourceKind::kHttpEndpoint,
       R"({"metadata":{"name":"web"},"spec":{"baseUrl":"https://web","headers":[],
           "clientTLS":{"rootCA":{"value":"Y2EgcGVt","secretKeyRef":{"name":"tls","key":"ca"}},
                        "certificate":{"value":"plain","secretKeyRef":{"name":"","key":""}}}},
           "auth":{"secretStore":""}})"},
      {ResourceKind::kResiliency,
       R"({"metadata":{"name":"calm"},"spec":{"policies":{"timeouts":{"short":"1s"}},
           "targets":{"apps":{"b":{"timeout":"short"}}}},"scopes":["app"]})"},
      {ResourceKind::kConfiguration,
       R"({"metadata":{"name":"settings"},"spec":{"metric":{"enabled":true},
           "accessControl":{"defaultAction":"deny","trustDomain":"public",
             "policies":[{"appId":"b","defaultAction":"allow","trustDomain":"public",
                          "namespace":"shop"}]}}})"},
  });
  const auto got = DecodeResources(set, "app", "shop");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->resources.warnings.empty()) << got->resources.warnings.front();
  ASSERT_EQ(got->resources.components.size(), 1u);
  const config::Component& component = got->resources.components.front();
  EXPECT_EQ(component.LogName(), "store (state.redis/v1)");
  ASSERT_EQ(component.metadata.size(), 3u);
  EXPECT_EQ(component.metadata[0].value, "redis:6379 <&>");
  EXPECT_TRUE(component.metadata[0].secret_key_ref.empty());
  EXPECT_EQ(component.metadata[1].value, "12");
  EXPECT_EQ(component.metadata[2].value, "czNjcmV0");  // decoded where it is resolved
  EXPECT_EQ(component.metadata[2].secret_key_ref.name, "redis");
  ASSERT_EQ(got->resources.subscriptions.size(), 2u);  // sorted by name
  EXPECT_EQ(got->resources.subscriptions[0].meta.name, "old");
  EXPECT_EQ(got->resources.subscriptions[0].default_route, "/old");
  EXPECT_EQ(got->resources.subscriptions[1].default_route, "/orders");
  ASSERT_EQ(got->resources.http_endpoints.size(), 1u);
  const config::ClientTls& tls = *got->resources.http_endpoints.front().client_tls;
  EXPECT_EQ(tls.root_ca->value, "ca pem");
  EXPECT_EQ(tls.certificate->value, "plain");
  ASSERT_EQ(got->resources.resiliencies.size(), 1u);
  EXPECT_EQ(got->resources.resiliencies.front().timeouts.at("short"), "1s");
  EXPECT_EQ(got->configuration.meta.name, "settings");
  EXPECT_EQ(got->configuration.access_control.default_action, "deny");
  EXPECT_EQ(got->configuration.access_control.policies.size(), 1u);
}

TEST(Resources, OutOfScopeOrUnreadableOnesAreLeftOut) {
  const ResourceSet set = SetOf({
      {ResourceKind::kComponent, kComponent},
      {ResourceKind::kComponent,
       R"({"metadata":{"name":"broken"},"spec":{"type":["x"],"version":"v1"}})"},
      {ResourceKind::kSubscription,
       R"({"metadata":{"name":"s","namespace":"elsewhere"},"spec":{"topic":"t"}})"},
      {ResourceKind::kHttpEndpoint,
       R"({"metadata":{"name":"web"},"spec":{"baseUrl":"https://web",
           "clientTLS":{"rootCA":{"value":"!!","secretKeyRef":{"name":"tls","key":"ca"}}}}})"},
  });
  const auto got = DecodeResources(set, "third", "shop");
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->resources.components.empty());
  EXPECT_TRUE(got->resources.subscriptions.empty());
  EXPECT_TRUE(got->resources.http_endpoints.empty());
  ASSERT_EQ(got->resources.warnings.size(), 2u);
  EXPECT_TRUE(got->resources.warnings[0].starts_with("operator:Component/broken:1"));
  EXPECT_TRUE(got->resources.warnings[1].starts_with("operator:HTTPEndpoint/web:1"));
}

TEST(Resources, AnUnusableConfigurationIsAnError) {
  const ResourceSet set = SetOf({{ResourceKind::kConfiguration,
                                  R"({"metadata":{"name":"c"},"spec":{"accessControl":{
                                      "policies":[{"appId":"b"}]}}})"}});
  const auto got = DecodeResources(set, "app", "shop");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("trustDomain"), std::string::npos);
}

Manifest Make(std::string_view name, std::string_view version, std::string_view type) {
  std::string json = R"({"metadata":{"name":")";
  json.append(name).append(R"(","resourceVersion":")").append(version);
  json.append(R"("},"spec":{"type":")").append(type).append(R"("}})");
  return ReadManifest(ResourceKind::kComponent, json).value();
}

TEST(ResourceSet, TellsChangesFromEqualOnes) {
  constexpr ResourceKind kKind = ResourceKind::kComponent;
  ResourceSet set;
  EXPECT_TRUE(set.Put(kKind, Make("a", "5", "x")));
  EXPECT_FALSE(set.Put(kKind, Make("a", "6", "x")));  // a label changed
  EXPECT_TRUE(set.Put(kKind, Make("a", "7", "y")));
  EXPECT_FALSE(set.Put(kKind, Make("a", "6", "z")));  // overtaken by a list
  EXPECT_FALSE(set.Remove(kKind, Make("a", "6", "z")));
  EXPECT_EQ(set.of(kKind).at("a").version, 7u);
  EXPECT_FALSE(set.Replace(kKind, {Make("a", "8", "y")}));
  EXPECT_TRUE(set.Replace(kKind, {Make("a", "8", "y"), Make("b", "9", "x")}));
  EXPECT_TRUE(set.Replace(kKind, {Make("b", "9", "x"), Make("c", "9", "x")}));
  EXPECT_TRUE(set.Remove(kKind, Make("b", "9", "x")));  // out of scope: the object as it was
  EXPECT_FALSE(set.Remove(kKind, Make("b", "9", "x")));
  EXPECT_TRUE(set.Replace(kKind, {}));
  EXPECT_FALSE(set.Replace(kKind, {}));
}

TEST(Protocol, WritesRequests) {
  using grpc::test::Bytes;
  EXPECT_EQ(ListPath(ResourceKind::kSubscription),
            "/dapr.proto.operator.v1.Operator/ListSubscriptionsV2");
  EXPECT_EQ(UpdatePath(ResourceKind::kHttpEndpoint),
            "/dapr.proto.operator.v1.Operator/HTTPEndpointUpdate");
  EXPECT_EQ(ListRequest(ResourceKind::kComponent, "shop", ""), Bytes(1, "shop"));
  EXPECT_EQ(ListRequest(ResourceKind::kSubscription, "shop", ""), Bytes(2, "shop"));
  EXPECT_EQ(ListRequest(ResourceKind::kConfiguration, "shop", "c"),
            Bytes(1, "c") + Bytes(2, "shop"));
  const std::string long_name(300, 'n');
  EXPECT_EQ(UpdateRequest(long_name), Bytes(1, long_name));
}

TEST(Protocol, ReadsReplies) {
  using grpc::test::Bytes;
  using grpc::test::Number;
  const std::string reply = Bytes(1, "one") + Bytes(1, "two") + Number(9, 1);
  const auto list = ReadList(reply);
  ASSERT_TRUE(list);
  EXPECT_EQ(*list, (std::vector<std::string_view>{"one", "two"}));
  const std::string message = Bytes(1, "object") + Number(2, 3);
  const auto event = ReadEvent(message);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->object, "object");
  EXPECT_EQ(event->type, EventType::kDeleted);
  EXPECT_FALSE(ReadList("\x0a\x7f"));
  EXPECT_FALSE(ReadEvent("\x0a"));
}

}  // namespace
}  // namespace control
