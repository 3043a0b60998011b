#include "api/http/router.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

namespace api {
namespace {

std::string Describe(const Router& router, std::string_view method, std::string_view path) {
  RouteMatch match;
  router.Match(method, path, match);
  std::string out(match.route().name);
  for (std::size_t i = 0; i < match.size(); ++i) out += "|" + std::string(match.raw(i));
  return out;
}

TEST(Routes, CountIsThatOfTheFacts) {
  int count = 0;
  for (const Route& route : Routes()) count += std::popcount(route.versions);
  EXPECT_EQ(count, 71);
}

struct Case {
  std::string_view method;
  std::string_view path;
  std::string_view expected;
};

TEST(Router, FindsRoutesAndParameters) {
  const Router router({}, {});
  const Case cases[] = {
      {"GET", "/v1.0/state/s/k", "GetState|s|k"},
      {"GET", "/v1.0/state/s/bulk", "GetState|s|bulk"},
      {"POST", "/v1.0/state/s/bulk", "GetBulkState|s"},
      {"PUT", "/v1.0/state/s/transaction", "ExecuteStateTransaction|s"},
      {"DELETE", "/v1.0/state/s/k%2Fx", "DeleteState|s|k%2Fx"},
      {"POST", "/v1.0/state/s", "SaveState|s"},
      {"POST", "/v1.0/state/s/", "SaveState|s"},
      {"POST", "/v1.0-alpha1/state/s/query", "QueryStateAlpha1|s"},
      {"POST", "/v1.0/state/s/query", "InvokeService"},
      {"PATCH", "/v1.0/state/s", "InvokeService"},
      {"POST", "/v1.0/publish/ps/a/b/c", "PublishEvent|ps|a/b/c"},
      {"POST", "/v1.0/publish/ps/t/", "PublishEvent|ps|t/"},
      {"POST", "/v1.0/publish/ps", "InvokeService"},
      {"POST", "/v1.0/publish/ps/", "InvokeService"},
      {"POST", "/v1.0/publish//t", "InvokeService"},
      {"POST", "/v1.0/publish/bulk/ps", "PublishEvent|bulk|ps"},
      {"POST", "/v1.0/publish/bulk/ps/t", "BulkPublishEvent|ps|t"},
      {"POST", "/v1.0-alpha1/publish/bulk/ps/t", "BulkPublishEvent|ps|t"},
      {"GET", "/v1.0/secrets/v/bulk", "GetBulkSecret|v"},
      {"GET", "/v1.0/secrets/v/k", "GetSecret|v|k"},
      {"GET", "/v1.0/configuration/c", "GetConfiguration|c"},
      {"GET", "/v1.0-alpha1/configuration/c/subscribe", "SubscribeConfiguration|c"},
      {"GET", "/v1.0/configuration/c/i/unsubscribe", "UnsubscribeConfiguration|c|i"},
      {"POST", "/v1.0-beta1/workflows/w/i/raiseEvent/e", "RaiseEventWorkflow|w|i|e"},
      {"POST", "/v1.0/workflows/w/n/start", "StartWorkflow|w|n"},
      {"POST", "/v1.0/workflows/w/i/other", "InvokeService"},
      {"POST", "/v1.0-alpha2/conversation/c/converse", "Converse|c"},
      {"DELETE", "/v1.0/actors/t/i/timers/n", "UnregisterActorTimer|t|i|n"},
      {"GET", "/v1.0/healthz", "Healthz"},
      {"GET", "/v1.0/healthz/outbound", "HealthzOutbound"},
      {"HEAD", "/v1.0/metadata", "InvokeService"},
      {"GET", "//v1.0/metadata", "GetMetadata"},
      {"GET", "/v1.0/./metadata", "GetMetadata"},
      {"GET", "/v1.0/metadata/", "GetMetadata"},
      {"GET", "/v1.0/metadata//", "GetMetadata"},
      {"GET", "/v1.0/metadata/.", "GetMetadata"},
      {"GET", "/v2.0/metadata", "InvokeService"},
      {"GET", "/v1.0", "InvokeService"},
      {"GET", "/", "InvokeService"},
      {"GET", "*", "InvokeService"},
      {"GET", "", "InvokeService"},
      {"GET", "/v1.0/invoke/app/method/state/a/b", "InvokeService"},
      {"GET", "/v1.0/state/s/k/one/too/many", "InvokeService"},
  };
  for (const Case& c : cases) EXPECT_EQ(Describe(router, c.method, c.path), c.expected) << c.path;
}

TEST(Router, RulesTakeRoutesAway) {
  const Router denied({}, {{"state", "v1", "http"}, {"lock", "v1.0-alpha1", "HTTP"}});
  EXPECT_EQ(Describe(denied, "GET", "/v1.0/state/s/k"), "InvokeService");
  EXPECT_EQ(Describe(denied, "POST", "/v1.0-alpha1/state/s/query"), "QueryStateAlpha1|s");
  EXPECT_EQ(Describe(denied, "POST", "/v1.0-alpha1/lock/s"), "InvokeService");
  EXPECT_EQ(Describe(denied, "POST", "/v1.0-alpha1/unlock/s"), "Unlock|s");
  EXPECT_TRUE(denied.invoke_allowed());

  const Router allowed({{"state", "v1", "http"}, {"secrets", "v1", "grpc"}}, {});
  EXPECT_EQ(Describe(allowed, "GET", "/v1.0/state/s/k"), "GetState|s|k");
  EXPECT_EQ(Describe(allowed, "GET", "/v1.0/secrets/s/k"), "InvokeService");
  EXPECT_EQ(Describe(allowed, "GET", "/v1.0/healthz"), "Healthz") << "always allowed";
  EXPECT_FALSE(allowed.invoke_allowed());

  const Router grpc_only({{"state", "v1", "grpc"}}, {});
  EXPECT_EQ(Describe(grpc_only, "GET", "/v1.0/secrets/s/k"), "GetSecret|s|k");

  const Router both({{"state", "v1", "http"}}, {{"state", "v1", "http"}});
  EXPECT_EQ(Describe(both, "GET", "/v1.0/state/s/k"), "InvokeService") << "deny wins";

  const Router text({}, {{"actors/{actorType}/{actorId}/method", "v1.0", "http"}});
  EXPECT_EQ(Describe(text, "PUT", "/v1.0/actors/t/i/method/m"), "InvokeService");
  EXPECT_EQ(Describe(text, "PUT", "/v1.0/actors/t/i/state"), "ExecuteActorStateTransaction|t|i");
}

}  // namespace
}  // namespace api
