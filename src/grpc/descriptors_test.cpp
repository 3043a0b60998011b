#include "grpc/descriptors.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "grpc/test_wire.hpp"

namespace grpc {
namespace {

using test::Bytes;
using test::Number;

constexpr std::string_view kDapr = "dapr/proto/runtime/v1/dapr.proto";

TEST(Descriptors, FilesWithWhatTheyImport) {
  const auto& index = DescriptorIndex::BuiltIn();
  const FileInfo* file = index.FindFile(kDapr);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->name, kDapr);
  EXPECT_EQ(file->package, "dapr.proto.runtime.v1");
  EXPECT_TRUE(file->proto3);
  EXPECT_GT(file->bytes.size(), 1000u);
  EXPECT_FALSE(file->dependencies.empty());
  for (const auto* name :
       {"dapr/proto/runtime/v1/appcallback.proto",
        "dapr/proto/internals/v1/service_invocation.proto", "google/rpc/error_details.proto",
        "google/protobuf/any.proto", "google/protobuf/wrappers.proto",
        "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto",
        "grpc/reflection/v1alpha/reflection.proto"}) {
    const FileInfo* known = index.FindFile(name);
    ASSERT_NE(known, nullptr) << name;
    for (const auto dependency : known->dependencies) {
      EXPECT_NE(index.FindFile(dependency), nullptr) << dependency;
    }
  }
  EXPECT_EQ(index.FindFile("no/such.proto"), nullptr);
}

TEST(Descriptors, ServicesAndMethods) {
  const auto& index = DescriptorIndex::BuiltIn();
  const ServiceInfo* service = index.FindService("dapr.proto.runtime.v1.Dapr");
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(service->methods.size(), 72u);
  const auto found = std::ranges::find(service->methods, "EncryptAlpha1", &MethodInfo::name);
  ASSERT_NE(found, service->methods.end());
  EXPECT_EQ(found->input, "dapr.proto.runtime.v1.EncryptRequest");
  EXPECT_EQ(found->output, "dapr.proto.runtime.v1.EncryptResponse");
  EXPECT_TRUE(found->client_streaming && found->server_streaming);
  EXPECT_FALSE(service->methods[0].client_streaming);
  for (const MethodInfo& method : service->methods) {
    EXPECT_NE(index.FindMessage(method.input), nullptr) << method.input;
    EXPECT_NE(index.FindMessage(method.output), nullptr) << method.output;
  }
}

TEST(Descriptors, FieldsOfMessages) {
  const auto& index = DescriptorIndex::BuiltIn();
  const MessageInfo* info = index.FindMessage("google.rpc.ErrorInfo");
  ASSERT_NE(info, nullptr);
  ASSERT_EQ(info->fields.size(), 3u);
  EXPECT_EQ(info->fields[0].name, "reason");
  EXPECT_EQ(info->fields[0].type, FieldType::kString);
  EXPECT_FALSE(info->fields[0].repeated);
  EXPECT_TRUE(info->fields[2].map);
  ASSERT_NE(info->fields[2].message, nullptr);
  EXPECT_TRUE(info->fields[2].message->map_entry);
  EXPECT_EQ(info->IndexOf(3), 2);
  EXPECT_EQ(info->IndexOf(4), -1);

  const MessageInfo* state = index.FindMessage("dapr.proto.common.v1.StateOptions");
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->fields[0].type, FieldType::kEnum);
  EXPECT_EQ(state->fields[0].type_name, "dapr.proto.common.v1.StateOptions.StateConcurrency");
  ASSERT_NE(state->fields[0].enumeration, nullptr);
  EXPECT_EQ(state->fields[0].enumeration->NameOf(1), "CONCURRENCY_FIRST_WRITE");
  EXPECT_EQ(state->fields[0].enumeration->NameOf(9), "");

  const MessageInfo* value = index.FindMessage("google.protobuf.Value");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->oneofs.size(), 1u);
  EXPECT_EQ(value->fields[0].oneof, 0);
  EXPECT_EQ(value->fields[0].json_name, "nullValue");
}

TEST(Descriptors, FileOfSymbol) {
  const auto& index = DescriptorIndex::BuiltIn();
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"dapr.proto.runtime.v1.Dapr", kDapr},
      {"dapr.proto.runtime.v1.Dapr.GetState", kDapr},
      {"dapr.proto.runtime.v1.Dapr.NoSuch", ""},
      {"google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"},
      {"google.rpc.BadRequest.FieldViolation.field", "google/rpc/error_details.proto"},
      {"google.rpc.BadRequest.FieldViolation.nothing", ""},
      {"google.protobuf.Value.kind", "google/protobuf/struct.proto"},
      {"google.protobuf.NullValue", "google/protobuf/struct.proto"},
      {"google.protobuf.NULL_VALUE", "google/protobuf/struct.proto"},
      {"dapr.proto.runtime.v1", ""},
      {"nothing", ""},
      {"", ""},
      {".", ""},
  };
  for (const auto& [symbol, name] : cases) {
    const FileInfo* file = index.FindFileOfSymbol(symbol);
    EXPECT_EQ(file ? file->name : std::string_view(), name) << symbol;
  }
}

TEST(Descriptors, OptionalFieldsAndExtensions) {
  const std::string optional = Bytes(1, "maybe") + Number(3, 1) + Number(4, 1) + Number(5, 5) +
                               Number(9, 0) + Bytes(10, "maybe") + Number(17, 1);
  const std::string extension =
      Bytes(1, "more") + Bytes(2, ".p.M") + Number(3, 100) + Number(4, 1) + Number(5, 5);
  const std::string message = Bytes(1, "M") + Bytes(2, optional) + Bytes(8, Bytes(1, "_maybe"));
  const std::string file =
      Bytes(1, "p.proto") + Bytes(2, "p") + Bytes(4, message) + Bytes(7, extension);
  const std::string set = Bytes(1, file);
  const auto index = DescriptorIndex::Parse(set);
  ASSERT_TRUE(index);
  ASSERT_NE(index->FindMessage("p.M"), nullptr);
  EXPECT_TRUE(index->FindMessage("p.M")->fields[0].optional);
  EXPECT_EQ(index->FindMessage("p.M")->fields[0].oneof, -1);
  EXPECT_FALSE(index->FindFile("p.proto")->proto3);
  EXPECT_EQ(index->ExtensionNumbers("p.M"), std::vector<uint32_t>{100});
  EXPECT_EQ(index->FindFileOfExtension("p.M", 100), index->FindFile("p.proto"));
  EXPECT_EQ(index->FindFileOfExtension("p.M", 101), nullptr);
  EXPECT_EQ(index->FindFileOfSymbol("p.more"), index->FindFile("p.proto"));

  EXPECT_TRUE(DescriptorIndex::BuiltIn().ExtensionNumbers("google.rpc.Status").empty());
}

TEST(Descriptors, RefusesWhatIsNoSet) {
  EXPECT_FALSE(DescriptorIndex::Parse("\xff"));
  EXPECT_FALSE(DescriptorIndex::Parse(Bytes(1, "\x0a\x05")));
  EXPECT_FALSE(DescriptorIndex::Parse(Bytes(1, Bytes(1, "a") + Bytes(4, "\x08"))));
  std::string deep = Bytes(1, "M");
  for (int i = 0; i < 40; ++i) deep = Bytes(1, "M") + Bytes(3, deep);
  EXPECT_FALSE(DescriptorIndex::Parse(Bytes(1, Bytes(1, "a") + Bytes(4, deep))));
}

TEST(Descriptors, FirstUseOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [] { EXPECT_NE(DescriptorIndex::BuiltIn().FindMessage("google.rpc.Status"), nullptr); });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace grpc
