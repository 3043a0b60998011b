#include "blocks/invoke/access_control.hpp"

#include "blocks/invoke/invoke_test_apps.hpp"
#include "blocks/invoke/method_name.hpp"
#include "telemetry/exposition.hpp"

namespace blocks::invoke::test {
namespace {

config::AccessControl Spec() {
  config::AccessControl spec{"deny", "public", {}, "c.yaml:1", true};
  spec.policies.push_back({"caller",
                           "deny",
                           "public",
                           "ns",
                           {{"/open", "allow", {"GET", "POST"}}, {"/pkg.S/*", "allow", {}}}});
  return spec;
}

std::shared_ptr<const AccessControl> Make(bool http = true,
                                          telemetry::InstanceMetrics* metrics = nullptr) {
  return AccessControl::Compile(Spec(), http, metrics, telemetry::Log("test"));
}

TEST(AccessControl, NothingToEnforceIsNoObject) {
  const telemetry::Log log("test");
  EXPECT_FALSE(AccessControl::Compile(config::Configuration().access_control, true, nullptr, log));
  EXPECT_TRUE(AccessControl::Compile({"deny", "public", {}, "", false}, true, nullptr, log));
}

TEST(AccessControl, SpiffeIds) {
  const auto id = ParseSpiffeId("spiffe://td/ns/shop/cart/more");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->trust_domain, "td");
  EXPECT_EQ(id->app_namespace, "shop");
  EXPECT_EQ(id->app_id, "cart");
  EXPECT_EQ(FormatSpiffeId({"td", "shop", "cart"}), "spiffe://td/ns/shop/cart");
  for (const char* bad :
       {"", "spiffe://td", "spiffe://td/ns/shop", "spiffe://td/ns//cart", "spiffe://td/ns/shop/",
        "spiffe:///ns/shop/cart", "spiffe://td/x/shop/c", "https://td/ns/shop/cart"}) {
    const auto parsed = ParseSpiffeId(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().message, std::string("malformed SPIFFE ID: ") + bad);
    EXPECT_EQ(parsed.error().kind, base::Kind::kPermissionDenied);
  }
}

TEST(AccessControl, Globs) {
  EXPECT_TRUE(GlobMatches("a*c", "abc"));
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("**", "x"));
  EXPECT_TRUE(GlobMatches("a*b*c", "aXbXbc"));
  EXPECT_FALSE(GlobMatches("a*c", "abd"));
  EXPECT_FALSE(GlobMatches("", "a"));
  // Does not take for ever on what almost matches.
  EXPECT_FALSE(GlobMatches(std::string(50, '*') + "b", std::string(5'000, 'a')));
}

TEST(AccessControl, MethodNames) {
  struct Row {
    const char* method;
    bool http;
    const char* shown;
    const char* matched;
    const char* rewritten;  // null: none
  };
  for (const Row& row :
       {Row{"op", true, "op", "op", nullptr}, Row{"op/", true, "op", "op", nullptr},
        Row{"", true, "", "", nullptr}, Row{"/op", true, "/op", "op", "op"},
        Row{"/op", false, "/op", "op", nullptr}, Row{"//op", false, "/op", "op", "/op"},
        Row{"a/../op", true, "op", "op", "op"}, Row{"a/../op", false, "op", "op", "op"},
        Row{"../../op", true, "op", "op", "op"}, Row{"..", true, "", "", ""},
        Row{"a//b", true, "a/b", "a/b", "a/b"}, Row{"a%20b", true, "a%20b", "a b", nullptr},
        Row{"a%20b", false, "a%20b", "a%20b", nullptr}, Row{"a%2Fb", true, "a%2Fb", "a/b", "a/b"},
        Row{"x/%2e%2E/a%3Fb", true, "x/%2e%2E/a%3Fb", "a?b", "a%3Fb"},
        Row{"%zz%4", true, "%zz%4", "%zz%4", nullptr}}) {
    const auto name = NormalizeMethod(row.method, row.http);
    ASSERT_TRUE(name) << row.method;
    EXPECT_EQ(name->shown, row.shown) << row.method;
    EXPECT_EQ(name->matched, row.matched) << row.method;
    EXPECT_EQ(name->rewritten.value_or("-"), row.rewritten ? row.rewritten : "-") << row.method;
  }
  EXPECT_EQ(NormalizeMethod("a?b", true).error().message,
            "invalid method: method contains forbidden character: \"a?b\"");
  EXPECT_EQ(NormalizeMethod("ab\x7f", true).error().kind, base::Kind::kInvalidArgument);
  EXPECT_FALSE(NormalizeMethod(std::string_view("a\0b", 3), false));
}

TEST(AccessControl, TextsAndMetrics) {
  telemetry::Registry registry(1);
  auto metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "callee"});
  ASSERT_TRUE(metrics);
  const auto acl = Make(true, metrics->get());
  const CallerIdentity caller{"caller", "ns", "spiffe://public/ns/ns/caller"};
  EXPECT_TRUE(acl->Check(caller, {"open", "open", "GET", false}));
  const auto denied = acl->Check(caller, {"shut", "./shut", "PUT", false});
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().message,
            "access control policy has denied access to id: spiffe://public/ns/ns/caller "
            "operation: ./shut verb: PUT");
  const auto unknown = acl->Check({}, {"open", "open", "GET", false});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message,
            "access control policy has denied access to id:  operation: open verb: GET");
  EXPECT_EQ(acl->Check({"", "", "spiffe://x"}, {"open", "open", "GET", false}).error().message,
            "malformed SPIFFE ID: spiffe://x");
  const std::string text = telemetry::Exposition(registry);
  for (const char* line :
       {"dapr_runtime_acl_app_policy_action_allowed_total{app_id=\"caller\","
        "trustDomain=\"public\",namespace=\"ns\"} 1",
        "dapr_runtime_acl_app_policy_action_blocked_total{app_id=\"caller\","
        "trustDomain=\"public\",namespace=\"ns\"} 1",
        "dapr_runtime_acl_global_policy_action_blocked_total{app_id=\"\",trustDomain=\"\","
        "namespace=\"\"} 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

struct Protected : testing::Test {
  World world;
  Node caller{world, "caller"};
  Node callee{world, "callee", contracts::AppProtocol::kHttp,
              [](InvokeOptions&, CalleeOptions& options) { options.policy = Make(); }};
  Seen seen;
};

TEST_F(Protected, AnotherInstanceOfTheProcessIsWhoItIs) {
  callee.Serve(Echo(seen));
  world.local.table["callee"] = callee.callee;
  EXPECT_TRUE(Invoke(caller, Request("callee", "GET", "open/x")).ok);
  EXPECT_EQ(seen.head.target, "/open/x");
  const Answer denied = Invoke(caller, Request("callee", "PUT", "open"));
  EXPECT_EQ(denied.error,
            "failed to invoke, id: callee, err: rpc error: code = PermissionDenied desc = access "
            "control policy has denied access to id: spiffe://public/ns/ns/caller operation: open "
            "verb: PUT");
  EXPECT_EQ(denied.error_id, base::ErrorId::kDirectInvokeDenied);
}

TEST_F(Protected, TheAppGetsThePathThatWasJudged) {
  callee.Serve(Echo(seen));
  world.local.table["callee"] = callee.callee;
  EXPECT_TRUE(Invoke(caller, Request("callee", "GET", "shut/../open")).ok);
  EXPECT_EQ(seen.head.target, "/open");
  EXPECT_TRUE(Invoke(caller, Request("callee", "GET", "open%2Fa%20b")).ok);
  EXPECT_EQ(seen.head.target, "/open/a%20b");
  EXPECT_TRUE(Invoke(caller, Request("callee", "GET", "open/a%20%41/")).ok);
  EXPECT_EQ(seen.head.target, "/open/a%20%41/");
}

TEST_F(Protected, WithoutIdentityTheDefaultCounts) {
  callee.Serve(Echo(seen));
  callee.Open();
  const Answer denied = Invoke(caller, Request("callee", "GET", "open"));
  EXPECT_EQ(denied.error,
            "failed to invoke, id: callee, err: rpc error: code = PermissionDenied desc = access "
            "control policy has denied access to id:  operation: open verb: GET");
  EXPECT_EQ(denied.error_id, base::ErrorId::kDirectInvokeDenied);
  callee.callee->SetPolicy(nullptr);
  EXPECT_TRUE(Invoke(caller, Request("callee", "GET", "open")).ok);
  callee.callee->SetPolicy(Make());
  EXPECT_FALSE(Invoke(caller, Request("callee", "GET", "open")).ok);
}

TEST_F(Protected, TheOwnAppIsNotKeptFromItself) {
  callee.Serve(Echo(seen));
  EXPECT_TRUE(Invoke(callee, Request("callee", "GET", "anything")).ok);
}

}  // namespace
}  // namespace blocks::invoke::test
