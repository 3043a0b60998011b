#include "blocks/invoke/internal_message.hpp"

#include <gtest/gtest.h>

#include "dapr/proto/internals/v1/service_invocation.pb.h"

namespace blocks::invoke {
namespace {

namespace internals = dapr::proto::internals::v1;
namespace common = dapr::proto::common::v1;

constexpr CallNames kNames{"caller", "ns", "callee"};

internals::InternalInvokeRequest Encode(const InvokeRequest& request, std::string_view data = {}) {
  std::string bytes;
  AppendRequest(request, kNames, data, bytes);
  internals::InternalInvokeRequest message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

TEST(InternalMessage, RequestAsProtobufReadsIt) {
  InvokeRequest request;
  request.method = "a%2Fb";
  request.query = "x=1";
  request.verb = "POST";
  request.headers.Add("content-type", "text/plain");
  request.headers.Add("x-many", "1");
  request.headers.Add("X-Many", "2");
  request.headers.Add("Dapr-Caller-App-Id", "spoofed");
  request.headers.Add("dapr-api-token", "secret");
  const auto message = Encode(request, "body");
  EXPECT_EQ(message.ver(), internals::V1);
  EXPECT_EQ(message.message().method(), "a%2Fb");
  EXPECT_EQ(message.message().data().value(), "body");
  EXPECT_EQ(message.message().content_type(), "text/plain");
  EXPECT_EQ(message.message().http_extension().verb(), common::HTTPExtension::POST);
  EXPECT_EQ(message.message().http_extension().querystring(), "x=1");
  const auto& metadata = message.metadata();
  EXPECT_EQ(metadata.at("destination-app-id").values(0), "callee");
  EXPECT_EQ(metadata.at("dapr-callee-app-id").values(0), "callee");
  EXPECT_EQ(metadata.at("dapr-caller-app-id").values(0), "caller");
  EXPECT_EQ(metadata.at("Dapr-Caller-App-Id").values(0), "spoofed");
  EXPECT_EQ(metadata.at("dapr-caller-namespace").values(0), "ns");
  ASSERT_EQ(metadata.at("X-Many").values_size(), 2);
  EXPECT_EQ(metadata.at("X-Many").values(1), "2");
  EXPECT_EQ(metadata.at("Content-Type").values(0), "text/plain");
  EXPECT_EQ(metadata.count("Dapr-Api-Token"), 0U);
}

TEST(InternalMessage, EveryVerb) {
  for (const char* verb :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}) {
    InvokeRequest request;
    request.verb = verb;
    const auto message = Encode(request);
    EXPECT_EQ(common::HTTPExtension::Verb_Name(message.message().http_extension().verb()), verb);
    const auto decoded = DecodeRequest(message.SerializeAsString());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->request.verb, verb);
  }
}

TEST(InternalMessage, GrpcOrigin) {
  InvokeRequest request;
  request.grpc_origin = true;
  request.authority = "host:1";
  request.headers.Add("content-type", "application/json");
  request.headers.Add("x-bin", "AQI");
  request.headers.Add("dapr-caller-app-id", "spoofed");
  request.headers.Add("X-Forwarded-For", "1.2.3.4");
  const auto message = Encode(request);
  EXPECT_EQ(message.metadata().at("content-type").values(0), "application/grpc");
  EXPECT_EQ(message.metadata().at(":authority").values(0), "host:1");
  EXPECT_EQ(message.metadata().at("x-bin").values(0), "AQI=");
  EXPECT_EQ(message.metadata().at("dapr-caller-app-id").values(0), "caller");
  EXPECT_EQ(message.metadata().at("X-Forwarded-For").values(0), "1.2.3.4");
  EXPECT_EQ(message.message().content_type(), "application/json");
  EXPECT_FALSE(message.message().has_http_extension());
  const auto decoded = DecodeRequest(message.SerializeAsString());
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->request.grpc_origin);
  EXPECT_EQ(decoded->request.headers.Get("content-type"), "application/json");
}

TEST(InternalMessage, DecodesWhatProtobufWrites) {
  internals::InternalInvokeRequest message;
  message.set_ver(internals::V1);
  (*message.mutable_metadata())["X-One"].add_values("a");
  (*message.mutable_metadata())["X-One"].add_values("b");
  (*message.mutable_metadata())["dapr-caller-app-id"].add_values("other");
  (*message.mutable_metadata())["dapr-caller-namespace"].add_values("there");
  (*message.mutable_metadata())["Bad Name"].add_values("x");
  (*message.mutable_metadata())["X-Bad"].add_values("a\r\nInjected: 1");
  message.mutable_message()->set_method("/m/x");
  message.mutable_message()->mutable_data()->set_value("data");
  message.mutable_message()->set_content_type("application/json");
  const std::string bytes = message.SerializeAsString();
  const auto decoded = DecodeRequest(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->request.method, "m/x");
  EXPECT_EQ(decoded->data, "data");
  EXPECT_EQ(decoded->caller.app_id, "other");
  EXPECT_EQ(decoded->caller.app_namespace, "there");
  EXPECT_EQ(decoded->request.headers.Count("X-One"), 2U);
  EXPECT_FALSE(decoded->request.headers.Has("Bad Name"));
  EXPECT_FALSE(decoded->request.headers.Has("X-Bad"));
  EXPECT_EQ(decoded->request.headers.Get("content-type"), "application/json");
}

TEST(InternalMessage, MalformedRequests) {
  EXPECT_FALSE(DecodeRequest("\xff\xff"));
  EXPECT_FALSE(DecodeRequest(""));
  EXPECT_EQ(DecodeRequest("").error().kind, base::Kind::kInvalidArgument);
  internals::InternalInvokeRequest message;
  message.mutable_message()->set_method("m");
  std::string bytes = message.SerializeAsString();
  bytes.pop_back();
  EXPECT_FALSE(DecodeRequest(bytes));
}

TEST(InternalMessage, ResponseOfAnHttpApp) {
  InvokeResponse response;
  response.status = 404;
  response.content_type = "text/html";
  response.headers.Add("x-a", "1");
  response.headers.Add("x-a", "2");
  std::string bytes;
  AppendResponse(response, nullptr, "data", bytes);
  internals::InternalInvokeResponse message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.status().code(), 404);
  EXPECT_EQ(message.headers().at("X-A").values_size(), 2);
  EXPECT_EQ(message.message().content_type(), "text/html");
  EXPECT_EQ(message.message().data().value(), "data");
  const auto decoded = DecodeResponse(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->response.status, 404);
  EXPECT_EQ(decoded->response.grpc_code, -1);
  EXPECT_EQ(decoded->response.headers.Count("x-a"), 2U);
  EXPECT_EQ(decoded->data, "data");
}

TEST(InternalMessage, ResponseOfAGrpcApp) {
  internals::InternalInvokeResponse message;
  message.mutable_status()->set_code(5);
  message.mutable_status()->set_message("gone");
  message.mutable_status()->add_details()->set_type_url("t");
  (*message.mutable_headers())["x-h"].add_values("1");
  (*message.mutable_trailers())["x-t"].add_values("2");
  const auto decoded = DecodeResponse(message.SerializeAsString());
  ASSERT_TRUE(decoded);
  const InvokeResponse& response = decoded->response;
  EXPECT_EQ(response.grpc_code, 5);
  EXPECT_EQ(response.grpc_message, "gone");
  EXPECT_EQ(decoded->trailers.Get("x-t"), "2");
  std::string again;
  AppendResponse(response, &decoded->trailers, {}, again);
  internals::InternalInvokeResponse back;
  ASSERT_TRUE(back.ParseFromString(again));
  EXPECT_EQ(back.status().details(0).type_url(), "t");
  EXPECT_EQ(back.headers().at("x-h").values(0), "1");
  EXPECT_EQ(back.trailers().at("x-t").values(0), "2");
  EXPECT_EQ(back.status().message(), "gone");
}

TEST(InternalMessage, OkOfAGrpcAppIsNoHttpStatus) {
  internals::InternalInvokeResponse message;
  message.mutable_status()->set_code(0);
  const auto decoded = DecodeResponse(message.SerializeAsString());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->response.grpc_code, 0);
  EXPECT_EQ(decoded->response.status, 200);
}

TEST(InternalMessage, OnInvoke) {
  InvokeRequest request;
  request.method = "m";
  request.verb = "PUT";
  request.query = "q=1";
  request.headers.Add("Content-Type", "a/b");
  std::string bytes;
  AppendOnInvoke(request, "value", bytes);
  common::InvokeRequest message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.method(), "m");
  EXPECT_EQ(message.data().value(), "value");
  EXPECT_EQ(message.content_type(), "a/b");
  EXPECT_EQ(message.http_extension().verb(), common::HTTPExtension::PUT);
  common::InvokeResponse reply;
  reply.mutable_data()->set_value("out");
  reply.set_content_type("c/d");
  const std::string reply_bytes = reply.SerializeAsString();
  const auto parsed = ParseOnInvokeReply(reply_bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->data, "out");
  EXPECT_EQ(parsed->content_type, "c/d");
  EXPECT_FALSE(ParseOnInvokeReply("\xff"));
}

}  // namespace
}  // namespace blocks::invoke
