#include "blocks/invoke/status_map.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace blocks::invoke {
namespace {

TEST(StatusMap, GrpcToHttp) {
  static constexpr std::array<int, 17> kHttp = {200, 408, 500, 400, 504, 404, 409, 403, 429,
                                                400, 409, 400, 501, 500, 503, 500, 401};
  for (std::size_t code = 0; code < kHttp.size(); ++code) {
    EXPECT_EQ(HttpStatusOfCode(static_cast<int>(code)), kHttp[code]) << code;
  }
  EXPECT_EQ(HttpStatusOfCode(99), 500);
}

TEST(StatusMap, HttpToGrpc) {
  const std::pair<int, int> kCodes[] = {
      {200, 0}, {204, 0}, {299, 0}, {301, 2}, {400, 13}, {401, 16}, {403, 7},  {404, 5}, {408, 1},
      {409, 6}, {418, 2}, {429, 8}, {500, 2}, {501, 12}, {502, 2},  {503, 14}, {504, 4}};
  for (const auto& [status, code] : kCodes) {
    EXPECT_EQ(static_cast<int>(CodeOfHttp(status)), code) << status;
  }
}

template <class Detail>
void Pack(google::rpc::Status& status, const char* name, const Detail& detail) {
  auto* any = status.add_details();
  any->set_type_url(std::string("type.googleapis.com/google.rpc.") + name);
  any->set_value(detail.SerializeAsString());
}

TEST(StatusMap, JsonOfStatus) {
  EXPECT_EQ(StatusJson(5, "no \"x\" <b>", ""), R"({"code":5,"message":"no \"x\" <b>"})");
  google::rpc::Status status;
  google::rpc::ErrorInfo info;
  info.set_reason("R");
  (*info.mutable_metadata())["k"] = "v";
  Pack(status, "ErrorInfo", info);
  // A type nobody knows is left out, the rest stays.
  auto* unknown = status.add_details();
  unknown->set_type_url("type.googleapis.com/nobody.Knows");
  unknown->set_value("x");
  EXPECT_EQ(StatusJson(5, "", status.SerializeAsString()),
            R"({"code":5,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
            R"("reason":"R","metadata":{"k":"v"}}]})");
  EXPECT_EQ(StatusJson(5, "gone", "\xff\xff"), R"({"code":5,"message":"gone"})");
  unknown->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  unknown->set_value("\x0a\x7f");  // malformed
  EXPECT_EQ(StatusJson(0, "", status.SerializeAsString()),
            R"({"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
            R"("reason":"R","metadata":{"k":"v"}}]})");
}

TEST(StatusMap, JsonOfOtherDetails) {
  google::rpc::Status status;
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("f");
  auto* second = bad.add_field_violations();
  second->set_field("g");
  second->set_description("d");
  Pack(status, "BadRequest", bad);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(250'000'000);
  Pack(status, "RetryInfo", retry);
  google::rpc::DebugInfo debug;
  debug.add_stack_entries("a");
  debug.add_stack_entries("b");
  Pack(status, "DebugInfo", debug);
  google::rpc::ResourceInfo resource;
  resource.set_resource_type("t");
  resource.set_resource_name("n");
  Pack(status, "ResourceInfo", resource);
  const std::string type = R"({"@type":"type.googleapis.com/google.rpc.)";
  EXPECT_EQ(
      StatusJson(3, "m", status.SerializeAsString()),
      R"({"code":3,"message":"m","details":[)" + type +
          R"(BadRequest","fieldViolations":[{"field":"f"},{"field":"g","description":"d"}]},)" +
          type + R"(RetryInfo","retryDelay":"1.250s"},)" + type +
          R"(DebugInfo","stackEntries":["a","b"]},)" + type +
          R"(ResourceInfo","resourceType":"t","resourceName":"n"}]})");
}

TEST(StatusMap, StatusOfHttpAnswer) {
  EXPECT_TRUE(StatusOfHttp(201, "x").ok());
  const grpc::Status status = StatusOfHttp(404, std::string(100, 'e'));
  EXPECT_EQ(status.code, grpc::Code::kNotFound);
  EXPECT_EQ(status.message, "Not Found");
  google::rpc::Status parsed;
  ASSERT_TRUE(parsed.ParseFromString(status.details));
  EXPECT_EQ(parsed.code(), 5);
  ASSERT_EQ(parsed.details_size(), 1);
  google::rpc::ErrorInfo info;
  EXPECT_EQ(parsed.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  ASSERT_TRUE(info.ParseFromString(parsed.details(0).value()));
  EXPECT_EQ(info.reason(), "Not Found");
  EXPECT_EQ(info.domain(), "dapr.io");
  EXPECT_EQ(info.metadata().at("http.code"), "404");
  EXPECT_EQ(info.metadata().at("http.error_message"), std::string(63, 'e'));
}

}  // namespace
}  // namespace blocks::invoke
