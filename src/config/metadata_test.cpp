#include <gtest/gtest.h>

#include "base/uuid.hpp"
#include "config/metadata_template.hpp"

namespace config {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TemplateContext Context(const Env& env) {
  TemplateContext context{.app_id = "app", .namespace_name = "ns", .pod_name = "pod", .env = &env};
  context.secrets = [](const std::string& store, const std::string& name,
                       const std::string& key) -> base::Result<std::string> {
    if (name == "missing") return base::Fail(base::Kind::kNotFound, "secret missing not found");
    return store + "/" + name + "/" + key;
  };
  return context;
}

TEST(Placeholders, Table) {
  const MapEnv env;
  TemplateContext context = Context(env);
  const std::pair<const char*, const char*> cases[] = {
      {"plain", "plain"},       {"{appID}-{podName}", "app-pod"}, {"{namespace}", "ns.app"},
      {"{other}{", "{other}{"}, {"{{appID}}", "{app}"},           {"{appid}", "{appid}"}};
  for (const auto& [in, out] : cases) EXPECT_EQ(ExpandPlaceholders(in, context).value(), out) << in;
  const std::string ids = ExpandPlaceholders("{uuid}{uuid}", context).value();
  ASSERT_EQ(ids.size(), 72u);
  EXPECT_TRUE(base::IsUuid(ids.substr(0, 36)));
  EXPECT_NE(ids.substr(0, 36), ids.substr(36));
  context.pod_name.clear();
  EXPECT_FALSE(ExpandPlaceholders("{podName}", context));
}

TEST(Properties, TextForALogIsWithoutSecrets) {
  const Properties properties("db", {{.name = "host", .value = "here", .secret = false},
                                     {.name = "path", .value = "/se/cret", .secret = true},
                                     {.name = "index", .value = "1", .secret = true},
                                     {.name = "user", .value = "", .secret = true}});
  EXPECT_EQ(properties.WithoutSecrets("here: /se/cret/se/cret is 1 too many"),
            "here: ****** is 1 too many");
}

TEST(EnvRef, Rules) {
  const MapEnv open;
  const MapEnv listed({{"DAPR_ENV_KEYS", "REGION zone"}});
  for (const char* denied :
       {"", "APP_API_TOKEN", "app_api_token", "DAPR_API_TOKEN", "dapr_x", "A B"}) {
    EXPECT_FALSE(EnvRefAllowed(denied, open)) << denied;
    EXPECT_FALSE(EnvRefAllowed(denied, listed)) << denied;
  }
  EXPECT_TRUE(EnvRefAllowed("REGION", open));
  EXPECT_TRUE(EnvRefAllowed("region", listed));
  EXPECT_TRUE(EnvRefAllowed("ZONE", listed));
  EXPECT_FALSE(EnvRefAllowed("OTHER", listed));
}

Component Make(std::vector<NameValue> metadata, std::string store = "") {
  Component c;
  c.meta.name = "comp";
  c.source = {"c.yaml", 3};
  c.metadata = std::move(metadata);
  c.auth_secret_store = std::move(store);
  return c;
}

TEST(ResolveMetadata, Sources) {
  const MapEnv env({{"REGION", "eu"}, {"DAPR_API_TOKEN", "t"}});
  std::vector<std::string> warnings;
  const auto got =
      ResolveMetadata(Make({{.name = "a", .value = "x{appID}", .has_value = true},
                            {.name = "b", .secret_key_ref = {"s", "k"}},
                            {.name = "c", .secret_key_ref = {"s", ""}},
                            {.name = "d", .env_ref = "REGION"},
                            {.name = "e", .env_ref = "DAPR_API_TOKEN"},
                            {.name = "f", .value = "v", .has_value = true, .env_ref = "REGION"},
                            {.name = "g"}},
                           "vault"),
                      Context(env), warnings);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->Get("A"), "xapp");
  EXPECT_EQ(got->Get("b"), "vault/s/k");
  EXPECT_EQ(got->Get("c"), "vault/s/s");
  EXPECT_EQ(got->Get("d"), "eu");
  EXPECT_EQ(got->Get("e", "fallback"), "");
  EXPECT_EQ(got->Get("f"), "v");
  EXPECT_TRUE(got->Has("g"));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("DAPR_API_TOKEN"), std::string::npos);
}

TEST(ResolveMetadata, SecretStoresAndFailures) {
  const MapEnv env;
  std::vector<std::string> warnings;
  // No store in standalone mode: left empty, said once.
  auto got =
      ResolveMetadata(Make({{.name = "p", .secret_key_ref = {"s", "k"}}}), Context(env), warnings);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->Get("p"), "");
  EXPECT_EQ(warnings.size(), 1u);
  TemplateContext kubernetes = Context(env);
  kubernetes.kubernetes = true;
  got = ResolveMetadata(
      Make({{.name = "p", .secret_key_ref = {"s", "k"}},
            {.name = "q", .value = "aGk=", .has_value = true, .secret_key_ref = {"s", "k"}}}),
      kubernetes, warnings);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->Get("p"), "kubernetes/s/k");
  EXPECT_EQ(got->Get("q"), "hi");
  const auto failed =
      ResolveMetadata(Make({{.name = "p", .secret_key_ref = {"missing", "k"}, .line = 9}}, "v"),
                      Context(env), warnings);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, base::Kind::kNotFound);
  EXPECT_EQ(failed.error().message,
            "component comp (c.yaml:9): metadata p: secret missing not found");
}

TEST(Properties, TypedGetters) {
  const Properties p("comp", {{"Host", "h"},
                              {"flag", "Yes"},
                              {"off", "nope"},
                              {"n", " 42 "},
                              {"bad", "x"},
                              {"t", "1m"},
                              {"bare", "3"},
                              {"size", "4Ki"},
                              {"empty", ""},
                              {"HOST", "h2"}});
  EXPECT_EQ(p.Get("host"), "h2");
  EXPECT_EQ(p.entries().size(), 9u);
  EXPECT_EQ(p.Find({"none", "FLAG"}), "Yes");
  EXPECT_EQ(p.Get("none", "d"), "d");
  EXPECT_TRUE(p.Bool("flag", false));
  EXPECT_FALSE(p.Bool("off", true));
  EXPECT_TRUE(p.Bool("empty", true));
  EXPECT_EQ(p.Int("n", 0).value(), 42);
  EXPECT_EQ(p.Int("none", 7).value(), 7);
  EXPECT_EQ(p.Int("bad", 0).error().message, "component comp: metadata bad: expected an integer");
  EXPECT_EQ(p.Int("n", 0, 1, 10).error().message,
            "component comp: metadata n: expected an integer from 1 to 10");
  EXPECT_EQ(p.Double("n", 0).value(), 42.0);
  EXPECT_EQ(p.Duration("t", seconds(1)).value(), seconds(60));
  EXPECT_EQ(p.Duration("bare", seconds(1)).value(), seconds(3));
  EXPECT_EQ(p.Duration("bare", seconds(1), BareNumber::kMilliseconds).value(),
            nanoseconds(3'000'000));
  EXPECT_FALSE(p.Duration("bare", seconds(1), BareNumber::kError));
  EXPECT_FALSE(p.Duration("bad", seconds(1)));
  EXPECT_EQ(p.Duration("empty", seconds(9)).value(), seconds(9));
  EXPECT_EQ(p.Quantity("size", 0).value(), 4096);
  EXPECT_FALSE(p.Quantity("bad", 0));
  EXPECT_EQ(p.Require("host").value(), "h2");
  EXPECT_EQ(p.Require("empty").error().message, "component comp: metadata empty is required");
}

}  // namespace
}  // namespace config
