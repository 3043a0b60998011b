#include "api/grpc/api.hpp"

#include <google/protobuf/empty.pb.h>

#include <set>

#include "api/grpc/access.hpp"
#include "api/grpc/grpc_test_util.hpp"
#include "grpc/descriptors.hpp"
#include "grpc/reflection/v1/reflection.pb.h"

namespace api::test {
namespace {

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
  const grpc::ServiceInfo* service =
      grpc::DescriptorIndex::BuiltIn().FindService("dapr.proto.runtime.v1.Dapr");
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(service->methods.size(), 72u);
  for (const grpc::MethodInfo& method : service->methods) {
    const std::string name(method.name);
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
}  // namespace api::test
