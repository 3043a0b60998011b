// A gRPC API with an app behind it, called message by message.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "api/api_test_util.hpp"
#include "api/grpc/api.hpp"
#include "base/strings.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/message.hpp"
#include "grpc/status.hpp"

namespace api::test {

namespace common = dapr::proto::common::v1;
namespace runtime = dapr::proto::runtime::v1;

struct Result {
  grpc::Status status;
  std::string message;
  http::Headers initial;
  google::rpc::ErrorInfo info;  // of the details, if there is one
};

class GrpcApiTest : public testing::Test {
 protected:
  void Start(bool with_stores = true, const std::function<void(AppContext&)>& adjust = {}) {
    app_ = std::make_unique<TestApp>(with_stores, adjust);
    api_ = std::make_unique<GrpcApi>(app_->context, proxy_);
  }
  Result CallRaw(const std::string& path, std::string frame, http::Headers headers = {},
                 bool streamed = false) {
    if (!app_) Start();
    headers.Add("content-type", "application/grpc");
    FakeExchange exchange("POST", path, std::move(headers), std::move(frame), streamed);
    app_->Serve(*api_, exchange, !streamed);
    Result result;
    const bool only_trailers = exchange.head.headers.Has("grpc-status");
    EXPECT_TRUE(
        grpc::ParseStatus(only_trailers ? exchange.head.headers : exchange.trailers, result.status))
        << path;
    result.initial = exchange.head.headers;
    grpc::FrameParser parser(1 << 24, false);
    std::string_view rest = exchange.sent_body;
    if (auto message = parser.Next(rest); message && *message) result.message = **message;
    google::rpc::Status details;
    if (!result.status.details.empty() && details.ParseFromString(result.status.details)) {
      EXPECT_EQ(details.code(), static_cast<int>(result.status.code));
      EXPECT_EQ(details.message(), result.status.message);
      for (const auto& detail : details.details()) detail.UnpackTo(&result.info);
    }
    return result;
  }
  template <class Request>
  Result Call(std::string_view method, const Request& request, http::Headers headers = {},
              bool streamed = false) {
    std::string frame;
    grpc::AppendFrame(request.SerializeAsString(), false, frame);
    return CallRaw(base::StrCat("/dapr.proto.runtime.v1.Dapr/", method), frame, std::move(headers),
                   streamed);
  }
  template <class Message>
  Message Parse(const Result& result) {
    EXPECT_TRUE(result.status.ok()) << result.status.message;
    Message message;
    EXPECT_TRUE(message.ParseFromString(result.message));
    return message;
  }

  std::unique_ptr<TestApp> app_;
  http::Handler* proxy_ = nullptr;
  std::unique_ptr<GrpcApi> api_;
};

inline void ExpectStatus(const Result& result, grpc::Code code, std::string_view message,
                         std::string_view reason = {}) {
  EXPECT_EQ(result.status.code, code) << result.status.message;
  EXPECT_EQ(result.status.message, message);
  EXPECT_EQ(result.info.reason(), reason) << message;
}

inline runtime::GetStateRequest Get(const std::string& key, const std::string& store = "store") {
  runtime::GetStateRequest request;
  request.set_store_name(store);
  request.set_key(key);
  return request;
}

}  // namespace api::test
