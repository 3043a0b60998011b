#include "api/grpc/grpc_test_util.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace api::test {
namespace {

runtime::PublishEventRequest Event(const std::string& topic, const std::string& data) {
  runtime::PublishEventRequest request;
  request.set_pubsub_name("broker");
  request.set_topic(topic);
  request.set_data(data);
  return request;
}

runtime::BulkPublishRequest Bulk(const std::string& topic) {
  runtime::BulkPublishRequest request;
  request.set_pubsub_name("broker");
  request.set_topic(topic);
  for (const char* id : {"1", "2"}) {
    auto& entry = *request.add_entries();
    entry.set_entry_id(id);
    entry.set_event(id);
    entry.set_content_type("text/plain");
  }
  return request;
}

blocks::pubsub::CloudEvent Parsed(const FakeBroker& broker, std::size_t i) {
  return *blocks::pubsub::CloudEvent::Parse(broker.taken.at(i).data);
}

TEST_F(GrpcApiTest, PublishesInBothForms) {
  auto request = Event("t", R"({"a":1})");
  request.set_data_content_type("application/json");
  (*request.mutable_metadata())["cloudevent.source"] = "me";
  EXPECT_TRUE(Call("PublishEvent", request).status.ok());
  EXPECT_TRUE(Call("PublishEvent", request, {}, true).status.ok());
  request.set_topic("slow");
  EXPECT_TRUE(Call("PublishEvent", request).status.ok());
  ASSERT_EQ(app_->broker->taken.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Parsed(*app_->broker, i).Raw("data"), R"({"a":1})");
    EXPECT_EQ(Parsed(*app_->broker, i).String("source"), "me");
    EXPECT_EQ(app_->broker->taken[i].metadata.size(), 1U);
  }
  EXPECT_EQ(app_->broker->taken[2].topic, "slow");
}

TEST_F(GrpcApiTest, TheEventCarriesTheSpan) {
  http::Headers headers;
  headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_TRUE(Call("PublishEvent", Event("t", "x"), headers).status.ok());
  EXPECT_TRUE(Parsed(*app_->broker, 0)
                  .String("traceparent")
                  .value_or("")
                  .starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
}

TEST_F(GrpcApiTest, PublishErrors) {
  for (const bool streamed : {false, true}) {
    ExpectStatus(Call("PublishEvent", Event("", "x"), {}, streamed), grpc::Code::kInvalidArgument,
                 "topic is empty in pubsub broker", "DAPR_PUBSUB_TOPIC_NAME_EMPTY");
    ExpectStatus(Call("PublishEvent", Event("secret", "x"), {}, streamed),
                 grpc::Code::kPermissionDenied, "topic secret is not allowed for app id app",
                 "DAPR_PUBSUB_FORBIDDEN");
    ExpectStatus(Call("PublishEvent", Event("bad", "x"), {}, streamed), grpc::Code::kInternal,
                 "error when publishing to topic bad in pubsub broker: the broker is\naway",
                 "DAPR_PUBSUB_PUBLISH_MESSAGE");
    auto request = Event("t", "[]");
    request.set_data_content_type("application/cloudevents+json");
    ExpectStatus(Call("PublishEvent", request, {}, streamed), grpc::Code::kInvalidArgument,
                 "cannot create cloudevent", "DAPR_PUBSUB_CLOUD_EVENT_CREATION");
    (*request.mutable_metadata())["rawPayload"] = "2";
    ExpectStatus(Call("PublishEvent", request, {}, streamed), grpc::Code::kInvalidArgument,
                 "failed deserializing metadata. Error: rawPayload value must be a valid boolean: "
                 "actual is '2'",
                 "DAPR_PUBSUB_METADATA_DESERIALIZATION");
  }
  EXPECT_TRUE(app_->broker->taken.empty());
}

TEST_F(GrpcApiTest, BulkPublishes) {
  for (const char* method : {"BulkPublishEvent", "BulkPublishEventAlpha1"}) {
    const auto answer = Parse<runtime::BulkPublishResponse>(Call(method, Bulk("t")));
    EXPECT_EQ(answer.failedentries_size(), 0);
  }
  ASSERT_EQ(app_->broker->taken.size(), 4U);
  EXPECT_EQ(Parsed(*app_->broker, 1).String("data"), "2");
}

TEST_F(GrpcApiTest, BulkFailuresAreInTheAnswer) {
  auto request = Bulk("t");
  request.mutable_entries(1)->set_event("bad");
  (*request.mutable_metadata())["rawPayload"] = "true";
  const auto answer = Parse<runtime::BulkPublishResponse>(Call("BulkPublishEvent", request));
  ASSERT_EQ(answer.failedentries_size(), 1);
  EXPECT_EQ(answer.failedentries(0).entry_id(), "2");
  EXPECT_EQ(answer.failedentries(0).error(), "the broker is\naway");
}

TEST_F(GrpcApiTest, BulkErrors) {
  ExpectStatus(Call("BulkPublishEvent", Bulk("secret")), grpc::Code::kPermissionDenied,
               "topic secret is not allowed for app id app", "DAPR_PUBSUB_FORBIDDEN");
  auto request = Bulk("t");
  request.mutable_entries(1)->set_entry_id("1");
  ExpectStatus(Call("BulkPublishEvent", request), grpc::Code::kInvalidArgument,
               "error marshaling events to bytes for topic t pubsub broker. error: entryId is "
               "duplicated or not present for entry",
               "DAPR_PUBSUB_MARSHAL_EVENTS");
  request.set_pubsub_name("");
  ExpectStatus(Call("BulkPublishEvent", request), grpc::Code::kInvalidArgument,
               "pubsub name is empty", "DAPR_PUBSUB_NAME_EMPTY");
}

}  // namespace
}  // namespace api::test
