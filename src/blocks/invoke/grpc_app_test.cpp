// Apps that speak gRPC, called by callers of both protocols, near and far.
#include "blocks/invoke/invoke_test_apps.hpp"
#include "dapr/proto/runtime/v1/appcallback.pb.h"

namespace blocks::invoke::test {
namespace {

namespace common = dapr::proto::common::v1;

struct GrpcApp {
  GrpcApp() {
    grpc::Method method;
    method.unary = [this](grpc::ServerCall& call,
                          std::string message) -> async::Task<grpc::UnaryReply> {
      EXPECT_TRUE(request.ParseFromString(message));
      metadata = call.metadata();
      call.initial_metadata().Add("x-initial", "i");
      call.trailing_metadata().Add("x-trailing", "t");
      if (!status.ok()) co_return std::unexpected(status);
      common::InvokeResponse reply;
      reply.mutable_data()->set_value("grpc:" + request.data().value());
      reply.set_content_type("text/grpc");
      co_return reply.SerializeAsString();
    };
    service.Add("/dapr.proto.runtime.v1.AppCallback/OnInvoke", std::move(method));
  }
  common::InvokeRequest request;
  http::Headers metadata;
  grpc::Status status;
  grpc::Service service{grpc::Service::Options{}};
};

TEST(GrpcApp, HttpCallersNearAndFar) {
  TwoNodes two(contracts::AppProtocol::kGrpc);
  GrpcApp app;
  two.callee.Serve(app.service);
  for (Node* node : {&two.callee, &two.caller}) {
    app.status = {};
    http::StringBody body("in");
    InvokeRequest request = Request("callee", "PUT", "m", &body);
    request.query = "q=1";
    request.headers.Add("Content-Type", "text/in");
    request.headers.Add("Accept", "*/*");
    request.headers.Add("X-Mine", "v");
    Answer answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(app.request.method(), "m");
    EXPECT_EQ(app.request.data().value(), "in");
    EXPECT_EQ(app.request.content_type(), "text/in");
    EXPECT_EQ(app.request.http_extension().verb(), common::HTTPExtension::PUT);
    EXPECT_EQ(app.request.http_extension().querystring(), "q=1");
    EXPECT_EQ(Values(app.metadata, "dapr-accept"), Texts{"*/*"});
    EXPECT_EQ(Values(app.metadata, "x-mine"), Texts{"v"});
    EXPECT_EQ(answer.response.status, 200);
    EXPECT_EQ(answer.body, "grpc:in");
    EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/grpc"});
    EXPECT_EQ(Values(answer.response.headers, "x-initial"), Texts{"i"});

    app.status = {grpc::Code::kNotFound, "no such thing", {}};
    answer = Invoke(*node, Request("callee", "GET", "m"));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.status, 404);
    EXPECT_EQ(answer.body, R"({"code":5,"message":"no such thing"})");
    EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/plain; charset=utf-8"});
  }
}

TEST(GrpcApp, GrpcCallersNearAndFar) {
  TwoNodes two(contracts::AppProtocol::kGrpc);
  GrpcApp app;
  two.callee.Serve(app.service);
  for (Node* node : {&two.callee, &two.caller}) {
    app.status = {};
    http::StringBody body("in");
    InvokeRequest request = Request("callee", "", "m", &body);
    request.grpc_origin = true;
    request.headers.Add("content-type", "application/json");
    request.headers.Add("x-data-bin", "AQI");
    request.data_type_url = "type.example/mine";
    Answer answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.grpc_code, 0);
    EXPECT_EQ(answer.response.content_type, "text/grpc");
    EXPECT_EQ(answer.body, "grpc:in");
    EXPECT_EQ(Values(answer.response.headers, "x-initial"), Texts{"i"});
    EXPECT_EQ(Values(answer.trailers, "x-trailing"), Texts{"t"});
    ASSERT_EQ(Values(app.metadata, "x-data-bin").size(), 1U);
    EXPECT_EQ(grpc::DecodeBinary(Values(app.metadata, "x-data-bin")[0]), "\x01\x02");
    EXPECT_EQ(app.request.content_type(), "application/json");
    EXPECT_EQ(app.request.data().type_url(), "type.example/mine");
    EXPECT_EQ(app.request.data().value(), "in");

    app.status = {grpc::Code::kAborted, "stop", "\x08\x0a\x12\x04stop\x1a\x03\x0a\x01t"};
    http::StringBody again("in");
    request = Request("callee", "", "m", &again);
    request.grpc_origin = true;
    answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.grpc_code, 10);
    EXPECT_EQ(answer.response.grpc_message, "stop");
    EXPECT_EQ(answer.response.grpc_details, app.status.details);
  }
}

}  // namespace
}  // namespace blocks::invoke::test
