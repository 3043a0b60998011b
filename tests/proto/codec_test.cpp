// What the generated code does with the contracts that are easy to get wrong: bytes on the wire,
// JSON names, C++ names of awkward packages, and messages of the same name with and without a
// package.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "dapr/proto/internals/v1/reminders.pb.h"
#include "dapr/proto/internals/v1/service_invocation.pb.h"
#include "dapr/proto/operator/v1/operator.pb.h"
#include "dapr/proto/placement/v1/placement.pb.h"
#include "dapr/proto/runtime/v1/appcallback.pb.h"
#include "dapr/proto/runtime/v1/metadata.pb.h"
#include "durabletask/history_events.pb.h"

namespace proto_test {
namespace {

using std::string_literals::operator""s;

TEST(Codec, WritesTheKnownBytes) {
  dapr::proto::internals::v1::InternalInvokeRequest request;
  request.set_ver(dapr::proto::internals::v1::V1);
  request.mutable_message()->set_method("m");
  request.mutable_actor()->set_actor_id("7");
  EXPECT_EQ(request.SerializeAsString(),
            "\x08\x01\x1a\x03\x0a\x01m\x22\x03\x12\x01"s
            "7");
}

// These files are generated to be small and are coded through reflection.
TEST(Codec, SmallFilesReadWhatTheyWrite) {
  dapr::proto::placement::v1::PlacementOrder order;
  auto& host = (*(*order.mutable_tables()->mutable_entries())["cat"].mutable_load_map())["a:1"];
  host.set_name("a:1");
  host.set_version(0);
  dapr::proto::placement::v1::PlacementOrder read;
  ASSERT_TRUE(read.ParseFromString(order.SerializeAsString()));
  const auto& back = read.tables().entries().at("cat").load_map().at("a:1");
  EXPECT_EQ(back.name(), "a:1");
  EXPECT_TRUE(back.has_version());

  dapr::proto::operator_::v1::ComponentUpdateEvent event;
  event.set_type(dapr::proto::operator_::v1::DELETED);
  EXPECT_EQ(event.SerializeAsString(), "\x10\x03");
}

TEST(Codec, KeepsFieldsItDoesNotKnow) {
  const std::string newer = "\x08\x05\xf8\x3f\x01"s;
  ::HistoryEvent event;
  ASSERT_TRUE(event.ParseFromString(newer));
  EXPECT_EQ(event.eventid(), 5);
  EXPECT_EQ(event.SerializeAsString(), newer);
}

TEST(Codec, SameNameWithAndWithoutPackage) {
  EXPECT_EQ(::TimerFiredEvent::descriptor()->full_name(), "TimerFiredEvent");
  EXPECT_EQ(dapr::proto::internals::v1::TimerFiredEvent::descriptor()->full_name(),
            "dapr.proto.internals.v1.TimerFiredEvent");
  EXPECT_EQ(dapr::proto::operator_::v1::ComponentUpdateEvent::descriptor()->full_name(),
            "dapr.proto.operator.v1.ComponentUpdateEvent");
}

TEST(Codec, UsesJsonNamesOfTheContract) {
  dapr::proto::runtime::v1::GetMetadataResponse response;
  response.add_active_actors_count()->set_type("cat");
  response.set_runtime_version("1");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(response, &json).ok());
  EXPECT_EQ(json, R"({"actors":[{"type":"cat"}],"runtimeVersion":"1"})");
}

TEST(Codec, FieldNamedLikeItsType) {
  dapr::proto::runtime::v1::TopicEventBulkRequestEntry entry;
  entry.set_bytes("x");
  EXPECT_EQ(entry.event_case(), entry.kBytes);
}

}  // namespace
}  // namespace proto_test
