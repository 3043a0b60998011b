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
  const std::pair<int, int> kCodes[] = {{200, 0},  {204, 0},  {299, 0},  {301, 2},  {400, 13},
                                        {401, 16}, {403, 7},  {404, 5},  {408, 1},  {409, 6},
                                        {418, 2},  {429, 8},  {500, 2},  {501, 12}, {502, 2},
                                        {503, 14}, {504, 4}};
  for (const auto& [status, code] : kCodes) {
    EXPECT_EQ(static_cast<int>(CodeOfHttp(status)), code) << status;
  }
}

TEST(StatusMap, JsonOfStatus) {
  EXPECT_EQ(StatusJson(5, "no \"x\"", ""), R"({"code":5,"message":"no \"x\""})");
  google::rpc::Status status;
  status.set_code(5);
  status.set_message("gone");
  google::rpc::ErrorInfo info;
  info.set_reason("R");
  info.set_domain("d");
  status.add_details()->PackFrom(info);
  EXPECT_EQ(StatusJson(5, "gone", status.SerializeAsString()),
            R"({"code":5,"message":"gone","details":[{"@type":)"
            R"("type.googleapis.com/google.rpc.ErrorInfo","reason":"R","domain":"d"}]})");
  // A type nobody knows is left out, the rest stays.
  auto* unknown = status.add_details();
  unknown->set_type_url("type.googleapis.com/nobody.Knows");
  unknown->set_value("x");
  EXPECT_EQ(StatusJson(5, "gone", status.SerializeAsString()),
            R"({"code":5,"message":"gone","details":[{"@type":)"
            R"("type.googleapis.com/google.rpc.ErrorInfo","reason":"R","domain":"d"}]})");
  EXPECT_EQ(StatusJson(5, "gone", "\xff\xff"), R"({"code":5,"message":"gone"})");
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
  ASSERT_TRUE(parsed.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "Not Found");
  EXPECT_EQ(info.domain(), "dapr.io");
  EXPECT_EQ(info.metadata().at("http.code"), "404");
  EXPECT_EQ(info.metadata().at("http.error_message"), std::string(63, 'e'));
}

}  // namespace
}  // namespace blocks::invoke
