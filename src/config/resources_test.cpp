#include "config/resources.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace config {
namespace {

namespace fs = std::filesystem;

// A folder of its own per test, removed at the end.
class ResourcesTest : public testing::Test {
 protected:
  ResourcesTest()
      : root_(fs::path(testing::TempDir()) /
              ("resources_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(root_);
  }
  ~ResourcesTest() override { fs::remove_all(root_); }

  std::string Dir(const std::string& name) {
    fs::create_directories(root_ / name);
    return (root_ / name).string();
  }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  fs::path root_;
};

std::string ComponentYaml(const std::string& name, const std::string& extra = "",
                          const std::string& ns = "") {
  return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name +
         (ns.empty() ? "" : ", namespace: " + ns) + "}\nspec: {type: state.x, version: v1}\n" +
         extra;
}

std::vector<std::string> Names(const std::vector<Component>& components) {
  std::vector<std::string> names;
  for (const Component& c : components) names.push_back(c.meta.name);
  return names;
}
using V = std::vector<std::string>;

TEST_F(ResourcesTest, OrderFilesAndKinds) {
  Write("b/z.yaml", ComponentYaml("z"));
  Write("b/a.yml", ComponentYaml("a1") + "---\n" + ComponentYaml("a2"));
  Write("b/B.yaml", ComponentYaml("upper"));
  Write("b/ignored.json", ComponentYaml("json"));
  Write("b/sub.yaml/inner.yaml", ComponentYaml("inner"));
  Write("b/other.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: q}\n---\n"
        "apiVersion: dapr.io/v9\nkind: Component\nmetadata: {name: wrong}\n---\njust: text\n");
  Write("a/first.yaml", ComponentYaml("second-dir"));
  Write("real.txt", ComponentYaml("linked"));
  fs::create_symlink(root_ / "real.txt", root_ / "a" / "link.yaml");
  const auto got = LoadResources({Dir("b"), Dir("a")}, std::nullopt, "app");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(Names(got->components), (V{"upper", "a1", "a2", "z", "second-dir", "linked"}));
  EXPECT_TRUE(got->warnings.empty()) << got->warnings.front();
  EXPECT_EQ(got->components[2].source.line, 6);
}

TEST_F(ResourcesTest, MissingDirectory) {
  const auto got = ParseResources({(root_ / "nope").string()});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "failed to create watcher: failed to add target " +
                                     (root_ / "nope").string() + ": no such file or directory");
}

TEST_F(ResourcesTest, UnreadableDocumentsAreWarnings) {
  Write("a.yaml", ComponentYaml("good") + "---\na: [\n---\n" + ComponentYaml("bad", "scopes: x\n") +
                      "---\n" + ComponentYaml("a/b") + "---\n" + ComponentYaml("..") + "---\n" +
                      ComponentYaml("last"));
  const auto got = ParseResources({root_.string()});
  ASSERT_TRUE(got);
  EXPECT_EQ(Names(got->components), (V{"good", "last"}));
  ASSERT_EQ(got->warnings.size(), 4u);
  const std::string file = (root_ / "a.yaml").string();
  EXPECT_NE(got->warnings[0].find("invalid YAML"), std::string::npos);
  EXPECT_EQ(got->warnings[1], file + ":12: field scopes: expected a list, found a string");
  EXPECT_NE(got->warnings[2].find(file + ":16: field metadata.name: invalid name \"a/b\""),
            std::string::npos)
      << got->warnings[2];
}

Resources Parse(const std::string& text) {
  Resources out;
  ParseResourceFile("f.yaml", text, out);
  return out;
}

TEST(SelectForApp, ScopesAndNamespaces) {
  const Resources parsed =
      Parse(ComponentYaml("all") + "---\n" + ComponentYaml("mine", "scopes: [x, app]\n") + "---\n" +
            ComponentYaml("other", "scopes: [x]\n") + "---\n" + ComponentYaml("ns", "", "prod") +
            "---\n" + ComponentYaml("ns2", "", "test"));
  EXPECT_EQ(Names(SelectForApp(parsed, "app", std::nullopt)->components),
            (V{"all", "mine", "ns", "ns2"}));
  EXPECT_EQ(Names(SelectForApp(parsed, "app", "prod")->components), (V{"all", "mine", "ns"}));
  EXPECT_EQ(Names(SelectForApp(parsed, "x", "test")->components),
            (V{"all", "mine", "other", "ns2"}));
}

TEST(SelectForApp, Duplicates) {
  const std::string out_of_scope = ComponentYaml("a", "scopes: [x]\n") + "---\n";
  const std::string mine = ComponentYaml("a") + "---\n";
  // Seen first but out of scope: does not reserve the name.
  EXPECT_TRUE(SelectForApp(Parse(out_of_scope + mine), "app", std::nullopt));
  // Seen second: counts before its own scopes are looked at.
  const auto got = SelectForApp(Parse(mine + out_of_scope), "app", std::nullopt);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message,
            "failed to load components: duplicate definition of Component name a (state.x/v1) with "
            "existing a (state.x/v1) [f.yaml:6 and f.yaml:1]");
  // Another namespace is not looked at at all.
  EXPECT_TRUE(SelectForApp(Parse(mine + ComponentYaml("a", "", "other")), "app", "own"));
  // Another kind has its own names.
  EXPECT_TRUE(SelectForApp(
      Parse(mine + "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: a}\n"),
      "app", std::nullopt));
}

TEST(Component, AllFields) {
  const auto got = ParseComponent({"c.yaml", 1, R"(apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: s
  namespace: ns
  labels: {l: 1}
spec:
  type: state.redis
  version: v1
  ignoreErrors: true
  initTimeout: 30s
  metadata:
  - name: host
    value: "h:1"
  - name: db
    value: 3
  - name: tls
    value: yes
  - name: list
    value: [a, 1]
  - name: password
    secretKeyRef: {name: sec, key: k}
  - name: region
    envRef: REGION
  - name: empty
    value: ""
  unknown: 1
auth: {secretStore: vault}
scopes: [a, b]
)"});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->LogName(), "s (state.redis/v1)");
  EXPECT_EQ(got->InitTimeout(), std::chrono::seconds(30));
  EXPECT_TRUE(got->ignore_errors);
  EXPECT_EQ(got->meta.namespace_name, "ns");
  EXPECT_EQ(got->auth_secret_store, "vault");
  EXPECT_EQ(got->scopes, (V{"a", "b"}));
  ASSERT_EQ(got->metadata.size(), 7u);
  EXPECT_EQ(got->metadata[0].value, "h:1");
  EXPECT_EQ(got->metadata[1].value, "3");
  EXPECT_EQ(got->metadata[2].value, "true");
  EXPECT_EQ(got->metadata[3].value, R"(["a",1])");
  EXPECT_FALSE(got->metadata[4].has_value);
  EXPECT_EQ(got->metadata[4].secret_key_ref.key, "k");
  EXPECT_EQ(got->metadata[4].line, 21);
  EXPECT_EQ(got->metadata[5].env_ref, "REGION");
  EXPECT_TRUE(got->metadata[6].has_value);
  Component plain;
  EXPECT_EQ(plain.InitTimeout(), std::chrono::seconds(5));
  plain.init_timeout = "soon";
  EXPECT_EQ(plain.InitTimeout(), std::chrono::seconds(5));
}

TEST(Subscription, BothVersions) {
  const auto v1 = ParseSubscription({"s", 1, R"(apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: a}
spec: {topic: t, pubsubname: p, route: /r, deadLetterTopic: d, metadata: {k: v},
       bulkSubscribe: {enabled: true, maxMessagesCount: 5, maxAwaitDurationMs: 6}}
scopes: [x]
)"});
  ASSERT_TRUE(v1) << v1.error().message;
  EXPECT_EQ(v1->default_route, "/r");
  EXPECT_EQ(v1->dead_letter_topic, "d");
  EXPECT_EQ(v1->metadata.at("k"), "v");
  EXPECT_EQ(v1->bulk_subscribe.max_messages_count, 5);
  EXPECT_EQ(v1->bulk_subscribe.max_await_duration_ms, 6);
  const Resources v2 = Parse(R"(apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: b}
spec: {topic: t, pubsubname: p, route: /ignored, routes: {default: /d, rules: [{match: m, path: /p}]}}
)");
  ASSERT_EQ(v2.subscriptions.size(), 1u);
  EXPECT_EQ(v2.subscriptions[0].default_route, "/d");
  ASSERT_EQ(v2.subscriptions[0].rules.size(), 1u);
  EXPECT_EQ(v2.subscriptions[0].rules[0].match, "m");
}

TEST(HttpEndpoint, AllFields) {
  const auto got = ParseHttpEndpoint({"h", 1, R"(kind: HTTPEndpoint
metadata: {name: e}
spec:
  baseUrl: https://x
  headers: [{name: H, value: v}]
  clientTLS: {rootCA: {secretKeyRef: {name: s, key: ca}}, certificate: {value: pem}, renegotiation: OnceAsClient}
auth: {secretStore: st}
)"});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->LogName(), "e (https://x)");
  EXPECT_EQ(got->headers.at(0).value, "v");
  ASSERT_TRUE(got->client_tls);
  EXPECT_EQ(got->client_tls->root_ca->secret_key_ref.key, "ca");
  EXPECT_EQ(got->client_tls->certificate->value, "pem");
  EXPECT_FALSE(got->client_tls->private_key);
  EXPECT_FALSE(ParseHttpEndpoint({"h", 1, "spec: {clientTLS: {renegotiation: Often}}"}));
}

TEST(Resiliency, AllFieldsAndFirstDocumentOnly) {
  const std::string text = R"(apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: r}
scopes: [app]
spec:
  policies:
    timeouts: {t: 5s, u: 100}
    retries:
      r1: {policy: exponential, maxInterval: 15s, maxRetries: 10, matching: {httpStatusCodes: "429,500-599", gRPCStatusCodes: 1-3}}
      r2: {duration: 1s}
    circuitBreakers: {c: {maxRequests: 2, interval: 1s, timeout: 2s, trip: consecutiveFailures >= 3}}
  targets:
    apps: {a: {timeout: t, retry: r1, circuitBreaker: c, circuitBreakerCacheSize: 7}}
    actors: {T: {circuitBreakerScope: both}}
    components: {s: {outbound: {retry: r2}, inbound: {timeout: u}}}
)";
  const Resources parsed = Parse(text + "---\n" + text);
  ASSERT_EQ(parsed.resiliencies.size(), 1u);
  const Resiliency& r = parsed.resiliencies[0];
  EXPECT_EQ(r.timeouts.at("u"), "100");
  EXPECT_EQ(r.retries.at("r1").max_retries, 10);
  EXPECT_EQ(r.retries.at("r1").matching->http_status_codes, "429,500-599");
  EXPECT_EQ(r.retries.at("r1").matching->grpc_status_codes, "1-3");
  EXPECT_FALSE(r.retries.at("r2").max_retries);
  EXPECT_EQ(r.circuit_breakers.at("c").max_requests, 2);
  EXPECT_EQ(r.apps.at("a").circuit_breaker_cache_size, 7);
  EXPECT_EQ(r.actors.at("T").circuit_breaker_scope, "both");
  EXPECT_EQ(r.components.at("s").outbound.retry, "r2");
  EXPECT_EQ(SelectForApp(parsed, "app", std::nullopt)->resiliencies.size(), 1u);
  EXPECT_TRUE(SelectForApp(parsed, "x", std::nullopt)->resiliencies.empty());
}

}  // namespace
}  // namespace config
