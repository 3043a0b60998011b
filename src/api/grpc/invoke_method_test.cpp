#include "api/grpc/grpc_test_util.hpp"

namespace api::test {
namespace {

runtime::InvokeServiceRequest Invocation(const std::string& id, common::HTTPExtension::Verb verb) {
  runtime::InvokeServiceRequest request;
  request.set_id(id);
  request.mutable_message()->set_method("m/x");
  request.mutable_message()->mutable_data()->set_value("ping");
  request.mutable_message()->set_content_type("text/plain");
  request.mutable_message()->mutable_http_extension()->set_verb(verb);
  request.mutable_message()->mutable_http_extension()->set_querystring("a=b");
  return request;
}

TEST_F(GrpcApiTest, InvokesAnHttpApp) {
  Start();
  app_->target.response.headers.Add("Content-Type", "text/x");
  app_->target.response.headers.Add("X-App", "1");
  app_->target.response_body = "pong";
  http::Headers headers;
  headers.Add("x-mine", "2");
  const Result result =
      Call("InvokeService", Invocation("app", common::HTTPExtension::PUT), headers);
  const auto reply = Parse<common::InvokeResponse>(result);
  EXPECT_EQ(reply.data().value(), "pong");
  EXPECT_EQ(reply.data().type_url(), "");
  EXPECT_EQ(reply.content_type(), "text/x");
  EXPECT_EQ(result.initial.Get("x-app"), "1");
  EXPECT_TRUE(result.initial.Has("traceparent"));
  EXPECT_EQ(app_->target.seen.method, "PUT");
  EXPECT_EQ(app_->target.seen.target, "/m/x?a=b");
  EXPECT_EQ(app_->target.seen.headers.Get("content-type"), "text/plain");
  EXPECT_EQ(app_->target.seen.headers.Get("x-mine"), "2");
  EXPECT_EQ(app_->target.seen_body, "ping");
}

TEST_F(GrpcApiTest, AnAppsStatusBecomesACode) {
  struct Case {
    int http;
    grpc::Code code;
    std::string_view reason;
  };
  Start();
  app_->target.response_body = std::string(100, 'e');
  for (const Case& c : {Case{400, grpc::Code::kInternal, "Bad Request"},
                        Case{404, grpc::Code::kNotFound, "Not Found"},
                        Case{500, grpc::Code::kUnknown, "Internal Server Error"},
                        Case{503, grpc::Code::kUnavailable, "Service Unavailable"}}) {
    app_->target.response.status = c.http;
    const Result result = Call("InvokeService", Invocation("app", common::HTTPExtension::GET));
    ExpectStatus(result, c.code, c.reason, c.reason);
    EXPECT_EQ(result.info.metadata().at("http.code"), std::to_string(c.http));
    EXPECT_EQ(result.info.metadata().at("http.error_message").size(), 63u);
  }
}

TEST_F(GrpcApiTest, AFailedInvocationHasNoDetails) {
  ExpectStatus(Call("InvokeService", Invocation("a.b.c", common::HTTPExtension::GET)),
               grpc::Code::kInternal, "failed to invoke, id: a.b.c, err: invalid app id a.b.c");
}

}  // namespace
}  // namespace api::test
