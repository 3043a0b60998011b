#include <gtest/gtest.h>

#include "api/api_test_util.hpp"
#include "api/http/api.hpp"
#include "api/http/invoke_target.hpp"
#include "api/http/query.hpp"
#include "base/base64.hpp"

namespace api {
namespace {

using test::FakeExchange;
using test::TestApp;

std::string Find(std::string target, http::Headers headers = {}) {
  http::RequestHead request;
  request.target = std::move(target);
  request.headers = std::move(headers);
  const auto found = FindInvokeTarget(request);
  return found ? found->id + " " + std::string(found->method) : "none";
}
http::Headers One(std::string_view name, std::string_view value) {
  http::Headers headers;
  headers.Add(name, value);
  return headers;
}

TEST(InvokeTarget, ByPath) {
  EXPECT_EQ(Find("/v1.0/invoke/app/method/a/b?x=/method/"), "app a/b");
  EXPECT_EQ(Find("/v1.0/invoke/app/method/"), "app ");
  EXPECT_EQ(Find("/v1.0/invoke/app.ns/method/a//b/./c%2Fd/"), "app.ns a//b/./c%2Fd/");
  EXPECT_EQ(Find("//v1.0//invoke//app/method//a"), "app /a");
  EXPECT_EQ(Find("/v1.0/invoke/http://host:80/method/m"), "http://host:80 m");
  EXPECT_EQ(Find("/v1.0/invoke/http:/host:80/method/m"), "http://host:80 m");
  EXPECT_EQ(Find("/v1.0/invoke/https:/host/base/method/m"), "https://host/base m");
  EXPECT_EQ(Find("/v1.0/invoke/http%3A%2F%2Fhost%3A80/method/m"), "http://host:80 m");
  EXPECT_EQ(Find("/v1.0/invoke/app/method"), "none");
  EXPECT_EQ(Find("/v1.0/invoke/method/m"), "none");
  EXPECT_EQ(Find("/v1.0/invokes/app/method/m"), "none");
  EXPECT_EQ(Find("/other"), "none");
}

TEST(InvokeTarget, HeaderBeforeCredentialsBeforePath) {
  const std::string basic = "Basic " + base::Base64Encode("dapr-app-id:cred");
  EXPECT_EQ(Find("/a//b", One("Dapr-App-Id", "app")), "app a//b");
  EXPECT_EQ(Find("/v1.0/invoke/x/method/m", One("dapr-app-id", "app")),
            "app v1.0/invoke/x/method/m");
  EXPECT_EQ(Find("/a", One("authorization", basic)), "cred a");
  http::Headers both = One("authorization", basic);
  both.Add("dapr-app-id", "app");
  EXPECT_EQ(Find("/a", both), "app a");
  EXPECT_EQ(Find("/a", One("authorization", "Basic " + base::Base64Encode("user:cred"))), "none");
  EXPECT_EQ(Find("/a", One("authorization", "Basic !!!")), "none");
  EXPECT_EQ(Find("/v1.0/invoke/x/method/m",
                 One("authorization", "Basic " + base::Base64Encode("user:cred"))),
            "x m");
}

TEST(Invoke, PassesTheRequestOnByteForByte) {
  TestApp app;
  HttpApi api(app.context);
  app.target.response.status = 201;
  app.target.response.headers.Add("X-App", "1");
  app.target.response_body = "pong";
  http::Headers headers;
  headers.Add("X-Mine", "a");
  headers.Add("dapr-app-id", "app");
  FakeExchange exchange("PATCH", "/a//b%2Fc/?q=%20+&r", headers, "ping");
  app.Serve(api, exchange);
  EXPECT_EQ(app.target.seen.method, "PATCH");
  EXPECT_EQ(app.target.seen.target, "/a//b%2Fc/?q=%20+&r");
  EXPECT_EQ(app.target.seen.headers.Get("x-mine"), "a");
  EXPECT_FALSE(app.target.seen.headers.Has("dapr-app-id"));
  EXPECT_EQ(app.target.seen_body, "ping");
  EXPECT_EQ(exchange.head.status, 201);
  EXPECT_EQ(exchange.Header("x-app"), "1");
  EXPECT_EQ(exchange.sent_body, "pong");
  EXPECT_EQ(exchange.Header("traceparent"),
            "00-00000000000000000000000000000000-0000000000000000-00");
  EXPECT_EQ(exchange.informed, (std::vector<int>{103}));
}

TEST(Invoke, AQuestionMarkWithNothingBehindItStays) {
  TestApp app;
  HttpApi api(app.context);
  for (const std::string method : {"/a/?", "/a/", "/a??", "/?"}) {
    FakeExchange exchange("GET", "/v1.0/invoke/app/method" + method, {}, "");
    app.Serve(api, exchange);
    EXPECT_EQ(app.target.seen.target, method);
  }
}

TEST(Invoke, StreamsBothWays) {
  TestApp app;
  HttpApi api(app.context);
  app.target.streamed = true;
  app.target.response_body = std::string(100'000, 'r');
  FakeExchange exchange("POST", "/v1.0/invoke/app/method/m", {}, std::string(200'000, 'q'), true);
  app.Serve(api, exchange);
  EXPECT_EQ(app.target.seen_body.size(), 200'000u);
  EXPECT_EQ(exchange.sent_body, app.target.response_body);
  EXPECT_FALSE(exchange.aborted);
}

TEST(Invoke, TheAppsOwnTraceStays) {
  TestApp app;
  HttpApi api(app.context);
  app.target.response.headers.Add("traceparent", "theirs");
  FakeExchange exchange("GET", "/v1.0/invoke/app/method/m", {}, "");
  app.Serve(api, exchange);
  EXPECT_EQ(exchange.Header("traceparent"), "theirs");
  EXPECT_EQ(exchange.head.headers.Count("traceparent"), 1u);
}

TEST(Invoke, TheTokenIsNotTheApps) {
  TestApp app(true, [](AppContext& context) { context.api_tokens = {"secret"}; });
  HttpApi api(app.context);
  FakeExchange exchange("GET", "/v1.0/invoke/app/method/m", One("dapr-api-token", "secret"), "");
  app.Serve(api, exchange);
  EXPECT_EQ(exchange.head.status, 200);
  EXPECT_FALSE(app.target.seen.headers.Has("dapr-api-token"));
}

TEST(Invoke, BodiesPastTheLimitFailButNotWith413) {
  TestApp app(true, [](AppContext& context) { context.max_body_bytes = 10; });
  HttpApi api(app.context);
  for (const bool streamed : {false, true}) {
    FakeExchange exchange("POST", "/v1.0/invoke/app/method/m", {}, "more than ten bytes", streamed);
    app.Serve(api, exchange);
    EXPECT_EQ(exchange.head.status, 500);
    EXPECT_EQ(
        exchange.sent_body,
        R"({"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: app, err: stream too large"})");
  }
  FakeExchange fits("POST", "/v1.0/invoke/app/method/m", {}, "just ten b", true);
  app.Serve(api, fits);
  EXPECT_EQ(fits.head.status, 200);
}

TEST(Invoke, AFailureIsAnError) {
  TestApp app;
  HttpApi api(app.context);
  app.target.fail = base::Error(base::Kind::kUnavailable, "connection refused");
  FakeExchange exchange("GET", "/v1.0/invoke/app/method/m", {}, "");
  app.Serve(api, exchange);
  EXPECT_EQ(exchange.head.status, 500);
  EXPECT_EQ(
      exchange.sent_body,
      R"({"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: app, err: connection refused"})");
}

TEST(Query, FirstValueWinsAndBadPairsAreLeftOut) {
  const contracts::Metadata metadata =
      QueryMetadata("metadata.a=1&metadata.a=2&x=%zz&metadata.b%20c=%2B+&metadata.;=3&metadata.d");
  EXPECT_EQ(metadata.size(), 3u);
  EXPECT_EQ(*metadata.Find("a"), "1");
  EXPECT_EQ(*metadata.Find("b c"), "+ ");
  EXPECT_EQ(*metadata.Find("d"), "");
  EXPECT_EQ(QueryValues("k=1&j=0&k=2", "k"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(QueryValue("k=1&k=2", "k"), "1");
  EXPECT_FALSE(QueryValue("kk=1", "k"));
}

TEST(Query, FieldNamesAsGoWritesThem) {
  EXPECT_EQ(CanonicalFieldName("metadata.ttlExpireTime"), "Metadata.ttlexpiretime");
  EXPECT_EQ(CanonicalFieldName("metadata.content-type"), "Metadata.content-Type");
}

}  // namespace
}  // namespace api
