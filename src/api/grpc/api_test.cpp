#include "api/grpc/api.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include <set>

#include "api/api_test_util.hpp"
#include "api/grpc/access.hpp"
#include "base/base64.hpp"
#include "base/strings.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/message.hpp"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/status.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace api {
namespace {

namespace common = dapr::proto::common::v1;
namespace runtime = dapr::proto::runtime::v1;
using test::FakeExchange;
using test::TestApp;

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
  runtime::SaveStateRequest Save(const std::string& key, const std::string& value) {
    runtime::SaveStateRequest request;
    request.set_store_name("store");
    request.add_states()->set_key(key);
    request.mutable_states(0)->set_value(value);
    return request;
  }
  runtime::GetStateRequest Get(const std::string& key, const std::string& store = "store") {
    runtime::GetStateRequest request;
    request.set_store_name(store);
    request.set_key(key);
    return request;
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

void ExpectStatus(const Result& result, grpc::Code code, std::string_view message,
                  std::string_view reason = {}) {
  EXPECT_EQ(result.status.code, code) << result.status.message;
  EXPECT_EQ(result.status.message, message);
  EXPECT_EQ(result.info.reason(), reason) << message;
}

TEST_F(GrpcApiTest, StateComesBack) {
  for (const bool streamed : {false, true}) {
    const std::string value = streamed ? "two" : "one";
    EXPECT_TRUE(Call("SaveState", Save("k", value), {}, streamed).status.ok());
    const auto got = Parse<runtime::GetStateResponse>(Call("GetState", Get("k"), {}, streamed));
    EXPECT_EQ(got.data(), value);
    EXPECT_FALSE(got.etag().empty());
  }
  const auto none = Parse<runtime::GetStateResponse>(Call("GetState", Get("none")));
  EXPECT_TRUE(none.data().empty());
}

TEST_F(GrpcApiTest, BothFormsOfGetStateAgree) {
  auto save = Save("k", "v");
  (*save.mutable_states(0)->mutable_metadata())["ttlInSeconds"] = "100";
  EXPECT_TRUE(Call("SaveState", save).status.ok());
  const auto quick = Parse<runtime::GetStateResponse>(Call("GetState", Get("k")));
  const auto typed = Parse<runtime::GetStateResponse>(Call("GetState", Get("k"), {}, true));
  EXPECT_EQ(quick.data(), typed.data());
  EXPECT_EQ(quick.etag(), typed.etag());
  EXPECT_EQ(quick.metadata().at("ttlExpireTime"), typed.metadata().at("ttlExpireTime"));
  auto with_metadata = Get("k");
  (*with_metadata.mutable_metadata())["a"] = "b";
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", with_metadata)).data(), "v");
  auto accented = Get("k\xc3\xa9");
  EXPECT_TRUE(Parse<runtime::GetStateResponse>(Call("GetState", accented)).data().empty());
}

TEST_F(GrpcApiTest, EtagsDecide) {
  EXPECT_TRUE(Call("SaveState", Save("k", "v")).status.ok());
  auto wrong = Save("k", "w");
  wrong.mutable_states(0)->mutable_etag()->set_value("wrong");
  Result result = Call("SaveState", wrong);
  EXPECT_EQ(result.status.code, grpc::Code::kAborted);
  EXPECT_TRUE(result.status.message.starts_with(
      "failed saving state in state store store: possible etag mismatch."))
      << result.status.message;
  EXPECT_EQ(result.info.reason(), "ERR_STATE_SAVE");
  runtime::DeleteStateRequest remove;
  remove.set_store_name("store");
  remove.set_key("k");
  remove.mutable_etag()->set_value("wrong");
  EXPECT_EQ(Call("DeleteState", remove).status.code, grpc::Code::kAborted);
  remove.clear_etag();
  EXPECT_TRUE(Call("DeleteState", remove).status.ok());
  auto bad = Save("k", "w");
  bad.set_store_name("bad");
  bad.mutable_states(0)->mutable_etag()->set_value("x");
  ExpectStatus(Call("SaveState", bad), grpc::Code::kInvalidArgument,
               "failed saving state in state store bad: invalid etag value: not a number",
               "ERR_STATE_SAVE");
}

TEST_F(GrpcApiTest, BulkAndTransactions) {
  auto save = Save("a", "1");
  save.add_states()->set_key("b");
  save.mutable_states(1)->set_value("2");
  EXPECT_TRUE(Call("SaveState", save).status.ok());
  runtime::GetBulkStateRequest get;
  get.set_store_name("store");
  get.add_keys("a");
  get.add_keys("none");
  const auto bulk = Parse<runtime::GetBulkStateResponse>(Call("GetBulkState", get));
  ASSERT_EQ(bulk.items_size(), 2);
  for (const auto& item : bulk.items()) EXPECT_EQ(item.data(), item.key() == "a" ? "1" : "");

  runtime::ExecuteStateTransactionRequest transaction;
  transaction.set_storename("store");
  auto& upsert = *transaction.add_operations();
  upsert.set_operationtype("upsert");
  upsert.mutable_request()->set_key("c");
  upsert.mutable_request()->set_value("3");
  auto& remove = *transaction.add_operations();
  remove.set_operationtype("delete");
  remove.mutable_request()->set_key("a");
  EXPECT_TRUE(Call("ExecuteStateTransaction", transaction).status.ok());
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("c"))).data(), "3");
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("a"))).data(), "");
  transaction.mutable_operations(0)->set_operationtype("move");
  ExpectStatus(Call("ExecuteStateTransaction", transaction), grpc::Code::kUnimplemented,
               "operation type move not supported", "ERR_NOT_SUPPORTED_STATE_OPERATION");

  runtime::DeleteBulkStateRequest remove_all;
  remove_all.set_store_name("store");
  remove_all.add_states()->set_key("b");
  remove_all.add_states()->set_key("c");
  EXPECT_TRUE(Call("DeleteBulkState", remove_all).status.ok());
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("c"))).data(), "");
}

TEST_F(GrpcApiTest, StateErrors) {
  ExpectStatus(Call("GetState", Get("k", "nope")), grpc::Code::kInvalidArgument,
               "state store nope is not found", "DAPR_STATE_NOT_FOUND");
  ExpectStatus(Call("GetState", Get("a||b")), grpc::Code::kInvalidArgument,
               "input key/keyPrefix 'a||b' can't contain '||'", "DAPR_STATE_ILLEGAL_KEY");
  ExpectStatus(Call("SaveState", Save("", "v")), grpc::Code::kInvalidArgument,
               "state key cannot be empty", "ERR_STATE_SAVE");
  ExpectStatus(Call("GetState", Get("k", "bad")), grpc::Code::kInternal,
               "fail to get k from bad: backend away", "ERR_STATE_GET");
  runtime::QueryStateRequest query;
  query.set_store_name("store");
  query.set_query("{}");
  ExpectStatus(Call("QueryStateAlpha1", query), grpc::Code::kInternal,
               "state store does not support querying", "DAPR_STATE_QUERYING_NOT_SUPPORTED");
  Start(false);
  ExpectStatus(Call("GetState", Get("k", "s")), grpc::Code::kFailedPrecondition,
               "state store s is not configured", "DAPR_STATE_NOT_CONFIGURED");
}

TEST_F(GrpcApiTest, BadMessagesAreRefused) {
  std::string frame;
  grpc::AppendFrame("\xff\xff\xff", false, frame);
  for (const auto* method : {"SaveState", "GetState", "GetSecret", "InvokeService"}) {
    const Result result = CallRaw(base::StrCat("/dapr.proto.runtime.v1.Dapr/", method), frame);
    EXPECT_EQ(result.status.code, grpc::Code::kInternal) << method;
  }
}

TEST_F(GrpcApiTest, Secrets) {
  runtime::GetSecretRequest get;
  get.set_store_name("vault");
  get.set_key("multi");
  const auto secret = Parse<runtime::GetSecretResponse>(Call("GetSecret", get));
  EXPECT_EQ(secret.data().at("b"), "2");
  get.set_key("hidden");
  ExpectStatus(Call("GetSecret", get), grpc::Code::kPermissionDenied,
               "access denied by policy to get \"hidden\" from \"vault\"");
  get.set_store_name("nope");
  ExpectStatus(Call("GetSecret", get), grpc::Code::kInvalidArgument,
               "failed finding secret store with key nope");
  runtime::GetBulkSecretRequest bulk;
  bulk.set_store_name("vault");
  const auto all = Parse<runtime::GetBulkSecretResponse>(Call("GetBulkSecret", bulk));
  EXPECT_EQ(all.data_size(), 2);
  EXPECT_EQ(all.data().at("db").secrets().at("db"), "p<w");
}

TEST_F(GrpcApiTest, Metadata) {
  runtime::SetMetadataRequest set;
  set.set_key("k");
  set.set_value("v");
  EXPECT_TRUE(Call("SetMetadata", set).status.ok());
  const auto got =
      Parse<runtime::GetMetadataResponse>(Call("GetMetadata", runtime::GetMetadataRequest()));
  EXPECT_EQ(got.id(), "app");
  EXPECT_EQ(got.runtime_version(), "1.18.3");
  EXPECT_EQ(got.extended_metadata().at("k"), "v");
  EXPECT_EQ(got.actor_runtime().runtime_status(), runtime::ActorRuntime::DISABLED);
}

TEST_F(GrpcApiTest, Shutdown) {
  EXPECT_TRUE(Call("Shutdown", runtime::ShutdownRequest()).status.ok());
  EXPECT_EQ(app_->shutdowns, (std::vector<bool>{false}));
}

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

TEST_F(GrpcApiTest, TokenIsAskedForEverywhere) {
  Start(true, [](AppContext& context) { context.api_tokens = {"one", "two"}; });
  for (const auto* path :
       {"/dapr.proto.runtime.v1.Dapr/GetState", "/dapr.proto.runtime.v1.Dapr/EncryptAlpha1",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/other.Service/Method",
        "/TaskHubSidecarService/Hello"}) {
    std::string frame;
    grpc::AppendFrame("", false, frame);
    const Result result = CallRaw(path, frame);
    ExpectStatus(result, grpc::Code::kUnauthenticated, "Unauthorized", "Unauthorized");
    EXPECT_EQ(result.info.metadata().at("http.code"), "401");
  }
  http::Headers headers;
  headers.Add("dapr-api-token", "two");
  EXPECT_TRUE(Call("GetState", Get("k"), headers).status.ok());
  EXPECT_TRUE(Call("GetState", Get("k"), headers, true).status.ok());
}

struct RecordingProxy final : http::Handler {
  async::Task<void> Handle(http::Exchange& exchange) override {
    seen = exchange.request().headers;
    ++calls;
    grpc::Status status{grpc::Code::kDataLoss, "proxied", {}};
    http::ResponseHead head;
    grpc::AppendStatus(status, head.headers);
    exchange.Respond(head, {});
    co_return;
  }
  http::Headers seen;
  int calls = 0;
};

TEST_F(GrpcApiTest, OtherServicesAreProxiedWithoutTheToken) {
  RecordingProxy proxy;
  proxy_ = &proxy;
  Start(true, [](AppContext& context) { context.api_tokens = {"t"}; });
  http::Headers headers;
  headers.Add("dapr-api-token", "t");
  headers.Add("dapr-app-id", "x");
  ExpectStatus(CallRaw("/other.Service/Method", "", headers), grpc::Code::kDataLoss, "proxied");
  EXPECT_FALSE(proxy.seen.Has("dapr-api-token"));
  EXPECT_EQ(proxy.seen.Get("dapr-app-id"), "x");
  EXPECT_EQ(CallRaw("/TaskHubSidecarService/Hello", "", headers).status.code,
            grpc::Code::kUnimplemented);
  EXPECT_EQ(proxy.calls, 1);
}

TEST_F(GrpcApiTest, WithoutAProxyOtherServicesAreUnknown) {
  EXPECT_EQ(CallRaw("/other.Service/Method", "").status.code, grpc::Code::kUnimplemented);
}

TEST_F(GrpcApiTest, DeniedMethodsAreNotImplemented) {
  Start(true, [](AppContext& context) {
    context.denied = {{"state", "v1", "grpc"}, {"secrets", "v1", "GRPC"}};
  });
  for (const bool streamed : {false, true}) {
    const Result result = Call("GetState", Get("k"), {}, streamed);
    ExpectStatus(result, grpc::Code::kUnimplemented, "Not Implemented", "Not Implemented");
    EXPECT_EQ(result.info.metadata().at("http.code"), "501");
  }
  runtime::GetSecretRequest get;
  get.set_store_name("vault");
  get.set_key("multi");
  EXPECT_TRUE(Call("GetSecret", get).status.ok()) << "the protocol is compared exactly";
}

TEST_F(GrpcApiTest, AnAllowListRefusesTheRest) {
  Start(true, [](AppContext& context) { context.allowed = {{"state", "v1", "grpc"}}; });
  EXPECT_TRUE(Call("GetState", Get("k")).status.ok());
  EXPECT_EQ(Call("GetMetadata", runtime::GetMetadataRequest()).status.code,
            grpc::Code::kUnimplemented);
}

TEST_F(GrpcApiTest, EveryMethodOfTheServiceAnswers) {
  Start(false);
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "dapr.proto.runtime.v1.Dapr");
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(service->method_count(), 72);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string& name = service->method(i)->name();
    EXPECT_FALSE(GroupOfMethod(name).empty()) << name;
    const Result result = Call(name, google::protobuf::Empty());
    const bool answers = name == "GetMetadata" || name == "SetMetadata" || name == "Shutdown";
    EXPECT_EQ(result.status.ok(), answers) << name << ": " << result.status.message;
    EXPECT_EQ(result.status.code == grpc::Code::kUnimplemented, name.starts_with("Subtle"))
        << name << ": " << result.status.message;
  }
}

TEST_F(GrpcApiTest, WhatIsNotConfigured) {
  runtime::PublishEventRequest publish;
  ExpectStatus(Call("PublishEvent", publish), grpc::Code::kInvalidArgument, "pubsub name is empty",
               "DAPR_PUBSUB_NAME_EMPTY");
  publish.set_pubsub_name("ps");
  ExpectStatus(Call("PublishEvent", publish), grpc::Code::kInvalidArgument,
               "pubsub ps is not found", "DAPR_PUBSUB_NOT_FOUND");
  runtime::InvokeBindingRequest binding;
  binding.set_name("b");
  ExpectStatus(Call("InvokeBinding", binding), grpc::Code::kInternal,
               "error invoking output binding b: couldn't find output binding b",
               "ERR_INVOKE_OUTPUT_BINDING");
  ExpectStatus(Call("GetConfiguration", runtime::GetConfigurationRequest()),
               grpc::Code::kFailedPrecondition, "configuration stores not configured",
               "ERR_CONFIGURATION_STORE_NOT_CONFIGURED");
  ExpectStatus(Call("SubscribeConfiguration", runtime::SubscribeConfigurationRequest()),
               grpc::Code::kFailedPrecondition, "configuration stores not configured",
               "ERR_CONFIGURATION_STORE_NOT_CONFIGURED");
  runtime::TryLockRequest lock;
  lock.set_store_name("l");
  ExpectStatus(Call("TryLockAlpha1", lock), grpc::Code::kInvalidArgument,
               "ExpiryInSeconds is not positive in lock store l");
  lock.set_expiry_in_seconds(1);
  ExpectStatus(Call("TryLockAlpha1", lock), grpc::Code::kFailedPrecondition,
               "lock store is not configured");
  ExpectStatus(Call("EncryptAlpha1", runtime::EncryptRequest()), grpc::Code::kInternal,
               "crypto providers not configured");
  ExpectStatus(Call("SubtleSignAlpha1", runtime::SubtleSignRequest()), grpc::Code::kUnimplemented,
               "this API is currently not implemented");
  ExpectStatus(Call("InvokeActor", runtime::InvokeActorRequest()), grpc::Code::kUnavailable,
               "placement service is not configured");
  ExpectStatus(Call("StartWorkflowBeta1", runtime::StartWorkflowRequest()),
               grpc::Code::kUnavailable, "placement service is not configured");
  runtime::ScheduleJobRequest job;
  ExpectStatus(Call("ScheduleJob", job), grpc::Code::kInvalidArgument, "Job is empty",
               "DAPR_SCHEDULER_EMPTY");
  job.mutable_job();
  ExpectStatus(Call("ScheduleJob", job), grpc::Code::kInvalidArgument, "Name is empty",
               "DAPR_SCHEDULER_JOB_NAME_EMPTY");
  runtime::ConversationRequestAlpha2 conversation;
  conversation.set_name("c");
  ExpectStatus(Call("ConverseAlpha2", conversation), grpc::Code::kInvalidArgument,
               "failed finding conversation component c");
}

TEST_F(GrpcApiTest, ReflectionListsAndDescribes) {
  namespace reflection = grpc::reflection::v1;
  for (const auto* version : {"v1", "v1alpha"}) {
    std::string frames;
    reflection::ServerReflectionRequest request;
    request.set_list_services("");
    grpc::AppendFrame(request.SerializeAsString(), false, frames);
    const std::string path =
        base::StrCat("/grpc.reflection.", version, ".ServerReflection/ServerReflectionInfo");
    // The two versions have the same messages on the wire.
    const auto list = Parse<reflection::ServerReflectionResponse>(CallRaw(path, frames));
    std::set<std::string> names;
    for (const auto& service : list.list_services_response().service()) {
      names.insert(service.name());
    }
    EXPECT_TRUE(names.contains("dapr.proto.runtime.v1.Dapr"));
    EXPECT_TRUE(names.contains("grpc.reflection.v1alpha.ServerReflection"));

    request.set_file_containing_symbol("dapr.proto.runtime.v1.Dapr");
    frames.clear();
    grpc::AppendFrame(request.SerializeAsString(), false, frames);
    const auto files = Parse<reflection::ServerReflectionResponse>(CallRaw(path, frames));
    EXPECT_GT(files.file_descriptor_response().file_descriptor_proto_size(), 14);

    request.set_file_containing_symbol("no.Such");
    frames.clear();
    grpc::AppendFrame(request.SerializeAsString(), false, frames);
    const auto none = Parse<reflection::ServerReflectionResponse>(CallRaw(path, frames));
    EXPECT_EQ(none.error_response().error_code(), 5);
  }
}

}  // namespace
}  // namespace api
