#include "api/error_table.hpp"

#include <gtest/gtest.h>

#include <set>

#include "api/api_test_util.hpp"
#include "api/error_reply.hpp"
#include "api/grpc/error_status.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace api {
namespace {

using base::Error;
using base::ErrorId;
using base::Kind;
using grpc::Code;

TEST(ErrorTable, EveryIdHasItsRow) {
  for (int i = 0; i < static_cast<int>(ErrorId::kCount); ++i) {
    const auto id = static_cast<ErrorId>(i);
    EXPECT_EQ(RowOf(id).id, id);
    const bool job = RowOf(id).category == "job";
    EXPECT_EQ(RowOf(id).tag.empty(), job) << i;
  }
}

struct Case {
  ErrorId id;
  Kind kind;
  std::string_view tag;
  int http;
  Code code;
};

TEST(ErrorTable, StatusesOfTheFacts) {
  const Case cases[] = {
      {ErrorId::kDirectInvokeNoAppId, Kind::kNotFound, "ERR_DIRECT_INVOKE", 404, Code::kNotFound},
      {ErrorId::kDirectInvoke, Kind::kUnavailable, "ERR_DIRECT_INVOKE", 500, Code::kInternal},
      {ErrorId::kDirectInvokeDenied, Kind::kPermissionDenied, "ERR_DIRECT_INVOKE", 403,
       Code::kInternal},
      {ErrorId::kStateSave, Kind::kConflict, "ERR_STATE_SAVE", 409, Code::kAborted},
      {ErrorId::kStateSave, Kind::kInvalidEtag, "ERR_STATE_SAVE", 400, Code::kInvalidArgument},
      {ErrorId::kStateSave, Kind::kUnavailable, "ERR_STATE_SAVE", 500, Code::kInternal},
      {ErrorId::kStateDelete, Kind::kConflict, "ERR_STATE_DELETE", 409, Code::kAborted},
      {ErrorId::kStateBulkDelete, Kind::kConflict, "ERR_STATE_BULK_DELETE", 409, Code::kAborted},
      {ErrorId::kStateTransaction, Kind::kConflict, "ERR_STATE_TRANSACTION", 500, Code::kInternal},
      {ErrorId::kStateGet, Kind::kNotFound, "ERR_STATE_GET", 500, Code::kInternal},
      {ErrorId::kStateOperationNotSupported, Kind::kUnimplemented,
       "ERR_NOT_SUPPORTED_STATE_OPERATION", 400, Code::kUnimplemented},
      {ErrorId::kStateQueryNotSupported, Kind::kUnimplemented, "ERR_STATE_STORE_NOT_SUPPORTED", 500,
       Code::kInternal},
      {ErrorId::kSecretStoreNotFound, Kind::kNotFound, "ERR_SECRET_STORE_NOT_FOUND", 401,
       Code::kInvalidArgument},
      {ErrorId::kPubsubNotFound, Kind::kNotFound, "ERR_PUBSUB_NOT_FOUND", 404,
       Code::kInvalidArgument},
      {ErrorId::kActorNoPlacement, Kind::kUnavailable, "ERR_ACTOR_NO_PLACEMENT", 400,
       Code::kUnavailable},
      {ErrorId::kApiUnimplemented, Kind::kUnimplemented, "ERR_API_UNIMPLEMENTED", 501,
       Code::kUnimplemented},
      {ErrorId::kNoSuchInstance, Kind::kNotFound, "ERR_APP_NOT_SERVED", 421,
       Code::kFailedPrecondition},
      {ErrorId::kInstanceToken, Kind::kUnauthenticated, "ERR_APP_TOKEN", 401,
       Code::kUnauthenticated},
      {ErrorId::kInstanceTokenMismatch, Kind::kUnauthenticated, "ERR_APP_TOKEN_MISMATCH", 401,
       Code::kUnauthenticated},
      {ErrorId::kNone, Kind::kExhausted, "ERROR", 429, Code::kResourceExhausted},
      {ErrorId::kNone, Kind::kTooLarge, "ERROR", 500, Code::kResourceExhausted},
      {ErrorId::kNone, Kind::kTimeout, "ERROR", 504, Code::kDeadlineExceeded},
      {ErrorId::kNone, Kind::kCanceled, "ERROR", 408, Code::kCancelled},
  };
  for (const Case& c : cases) {
    const Error error(c.kind, c.id, "text");
    EXPECT_EQ(ErrorCodeOf(error), c.tag);
    EXPECT_EQ(HttpStatusOf(error), c.http) << c.tag;
    EXPECT_EQ(GrpcCodeOf(error), c.code) << c.tag;
  }
}

TEST(ErrorTable, NeverSays413) {
  for (int i = 0; i < static_cast<int>(ErrorId::kCount); ++i) {
    EXPECT_NE(HttpStatusOf(Error(Kind::kTooLarge, static_cast<ErrorId>(i), "")), 413);
  }
}

TEST(ErrorTable, AnOverrideWinsOverHttp) {
  Error error(Kind::kInternal, ErrorId::kStateGet, "x");
  error.http_override = 418;
  EXPECT_EQ(HttpStatusOf(error), 418);
}

TEST(HttpErrorBody, BareAndEscaped) {
  EXPECT_EQ(HttpErrorBody(Error(Kind::kInternal, ErrorId::kSecretGet, "a<b \"c\"\n")),
            R"({"errorCode":"ERR_SECRET_GET","message":"a\u003cb \"c\"\n"})");
  EXPECT_EQ(HttpErrorBody(Error(Kind::kInternal, "x")), R"({"errorCode":"ERROR","message":"x"})");
}

TEST(HttpErrorBody, TheReasonStandsInForAMissingTag) {
  const Error error = Error(Kind::kInvalidArgument, ErrorId::kSchedulerScheduleEmpty, "e")
                          .With(base::ErrorInfo{.reason = "DAPR_SCHEDULER_SCHEDULE_EMPTY",
                                                .metadata = {{"namespace", "n"}, {"appID", "a"}}});
  EXPECT_EQ(
      HttpErrorBody(error),
      R"({"errorCode":"DAPR_SCHEDULER_SCHEDULE_EMPTY","message":"e","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io",)"
      R"("metadata":{"appID":"a","namespace":"n"},"reason":"DAPR_SCHEDULER_SCHEDULE_EMPTY"}]})");
}

TEST(HttpErrorBody, EveryKindOfDetail) {
  const Error error =
      Error(Kind::kInvalidArgument, ErrorId::kStateInvalidKeyName, "bad")
          .With(base::FieldViolation{.field = "k", .description = "bad"})
          .With(base::ResourceInfo{.type = "state", .name = "s", .owner = "", .description = ""})
          .With(base::HelpLink{.url = "u", .description = "d"})
          .With(base::ErrorInfo{.reason = "R", .metadata = {}, .has_metadata = false});
  EXPECT_EQ(
      HttpErrorBody(error),
      R"({"errorCode":"ERR_MALFORMED_REQUEST",)"
      R"("message":"api error: code = InvalidArgument desc = bad","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[)"
      R"({"field":"k","description":"api error: code = InvalidArgument desc = bad"}]},)"
      R"({"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"",)"
      R"("resource_name":"s","resource_type":"state"},)"
      R"({"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"d","url":"u"}]},)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,)"
      R"("reason":"R"}]})");
}

TEST(HttpErrorBody, HidesDetailsThatOnlyGrpcShows) {
  const Error error = Error(Kind::kConflict, ErrorId::kStateSave, "m")
                          .With(base::ErrorInfo{.reason = "ERR_STATE_SAVE", .metadata = {}});
  EXPECT_EQ(HttpErrorBody(error), R"({"errorCode":"ERR_STATE_SAVE","message":"m"})");
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(GrpcStatusOf(error).details));
  EXPECT_EQ(status.code(), static_cast<int>(Code::kAborted));
  ASSERT_EQ(status.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "ERR_STATE_SAVE");
  EXPECT_EQ(info.domain(), "dapr.io");
}

TEST(GrpcStatus, TellsNoAppIdOfAMissingStore) {
  const Error error =
      Error(Kind::kNotFound, ErrorId::kStateStoreNotFound, "m")
          .With(base::ErrorInfo{.reason = "DAPR_STATE_NOT_FOUND", .metadata = {{"appID", "a"}}});
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(GrpcStatusOf(error).details));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_TRUE(info.metadata().empty());
  EXPECT_NE(HttpErrorBody(error).find(R"("metadata":{"appID":"a"})"), std::string::npos);
}

TEST(GrpcStatus, APeersStatusPassesUnlessItIsWrapped) {
  const base::RemoteStatus remote{5, "gone", "details"};
  const auto passed = GrpcStatusOf(Error(Kind::kNotFound, "rpc error").WithRemote(remote));
  EXPECT_EQ(passed.code, Code::kNotFound);
  EXPECT_EQ(passed.message, "gone");
  EXPECT_EQ(passed.details, "details");
  const auto wrapped =
      GrpcStatusOf(Error(Kind::kNotFound, ErrorId::kDirectInvoke, "w").WithRemote(remote));
  EXPECT_EQ(wrapped.code, Code::kInternal);
  EXPECT_EQ(wrapped.message, "w");
}

TEST(ErrorReply, BothProtocols) {
  const Error error(Kind::kNotFound, ErrorId::kNoSuchInstance, "no app here");
  test::FakeExchange http_exchange("GET", "/", {}, "");
  RespondHttpError(http_exchange, error);
  EXPECT_EQ(http_exchange.head.status, 421);
  EXPECT_EQ(http_exchange.sent_body,
            R"({"errorCode":"ERR_APP_NOT_SERVED","message":"no app here"})");
  EXPECT_EQ(http_exchange.Header("content-type"), "application/json");
  test::FakeExchange grpc_exchange("POST", "/s/m", {}, "");
  RespondGrpcError(grpc_exchange, error);
  EXPECT_EQ(grpc_exchange.head.status, 200);
  EXPECT_EQ(grpc_exchange.Header("grpc-status"), "9");
  EXPECT_EQ(grpc_exchange.Header("grpc-message"), "no app here");
}

}  // namespace
}  // namespace api
