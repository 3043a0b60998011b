#include "blocks/outbox/event.hpp"

#include <gtest/gtest.h>

#include "blocks/pubsub/cloud_event.hpp"

namespace blocks::outbox {
namespace {

using contracts::SetRequest;
using pubsub::CloudEvent;

SetRequest Json(std::string value, std::string type = "") {
  SetRequest request{.key = "app||k", .value = std::move(value), .json = true};
  request.content_type = std::move(type);
  return request;
}

std::string Make(const SetRequest& stored, const SetRequest* published = nullptr,
                 const telemetry::TraceContext* trace = nullptr) {
  auto event = MakeEvent({.id = "outbox-1",
                          .app_id = "app",
                          .pubsub = "ps",
                          .stored = stored,
                          .published = published ? published : &stored,
                          .trace = trace});
  EXPECT_TRUE(event) << event.error().message;
  return event ? *event : "{}";
}

std::string Member(const std::string& text, std::string_view key) {
  const auto event = CloudEvent::Parse(text);
  EXPECT_TRUE(event) << text;
  return event ? std::string(event->Raw(key)) : "";
}

TEST(OutboxEvent, ValueBecomesData) {
  struct Case {
    SetRequest stored;
    std::string data, type;
  };
  SetRequest bytes{.key = "k", .value = "raw"};
  SetRequest by_metadata = Json("[1,2]");
  by_metadata.metadata.Set("contentType", "Application/JSON");
  const Case cases[] = {
      {Json("2"), R"("2")", R"("text/plain")"},
      {Json(R"("text")"), R"("text")", R"("text/plain")"},
      {Json(R"({"a":1})"), R"("map[a:1]")", R"("text/plain")"},
      {Json(R"({"a":1})", "application/json"), R"({"a":1})", R"("application/json")"},
      {by_metadata, "[1,2]", R"("Application/JSON")"},
      {bytes, R"("raw")", R"("text/plain")"}};
  for (const Case& c : cases) {
    const std::string event = Make(c.stored);
    EXPECT_EQ(Member(event, "data"), c.data) << event;
    EXPECT_EQ(Member(event, "datacontenttype"), c.type) << event;
    EXPECT_EQ(Member(event, "id"), R"("outbox-1")");
    EXPECT_EQ(Member(event, "source"), R"("app")");
    EXPECT_EQ(Member(event, "topic"), R"("")");
    EXPECT_EQ(Member(event, "pubsubname"), R"("ps")");
    EXPECT_EQ(Member(event, "type"), R"("com.dapr.event.sent")");
  }
}

TEST(OutboxEvent, BytesOfAnyKind) {
  SetRequest stored{.key = "k", .value = std::string("\x00\xff", 2)};
  stored.content_type = "application/octet-stream";
  const std::string event = Make(stored);
  EXPECT_EQ(Member(event, "data_base64"), R"("AP8=")");
  EXPECT_EQ(Member(event, "data"), "");
}

TEST(OutboxEvent, MetadataAreMembersButForDataAndId) {
  SetRequest stored = Json("1");
  stored.metadata = {{"type", "mine"},
                     {"cloudevent.source", "literal \"key\""},
                     {"id", "other"},
                     {"data", "other"},
                     {"source", "me"}};
  const std::string event = Make(stored);
  EXPECT_EQ(Member(event, "type"), R"("mine")");
  EXPECT_EQ(Member(event, "source"), R"("me")");
  EXPECT_EQ(Member(event, "cloudevent.source"), R"("literal \"key\"")");
  EXPECT_EQ(Member(event, "id"), R"("outbox-1")");
  EXPECT_EQ(Member(event, "data"), R"("1")");
}

TEST(OutboxEvent, DataOfTheProjectionMembersOfTheStored) {
  SetRequest stored = Json("1");
  stored.metadata.Set("type", "mine");
  SetRequest projected = Json(R"({"seen":true})", "application/json");
  projected.metadata.Set("type", "not this");
  const std::string event = Make(stored, &projected);
  EXPECT_EQ(Member(event, "data"), R"({"seen":true})");
  EXPECT_EQ(Member(event, "type"), R"("mine")");
}

TEST(OutboxEvent, AnEventInsideStaysData) {
  const std::string event = Make(Json(R"({"id":"inner"})", "application/cloudevents+json"));
  EXPECT_EQ(Member(event, "id"), R"("outbox-1")");
  EXPECT_EQ(Member(event, "datacontenttype"), R"("application/cloudevents+json")");
}

TEST(OutboxEvent, TraceIdOnly) {
  auto trace = telemetry::ParseTraceContext(
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=b");
  ASSERT_TRUE(trace);
  const std::string event = Make(Json("1"), nullptr, &*trace);
  EXPECT_EQ(Member(event, "traceid"),
            R"("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")");
  EXPECT_EQ(Member(event, "traceparent"), R"("")");
  EXPECT_EQ(Member(event, "tracestate"), R"("a=b")");
}

TEST(OutboxEvent, Readdressed) {
  const auto out =
      Readdress(R"({"a":[1, 2],"topic":"","pubsubname":"x","id":"outbox-1"})", "ps", "t");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, R"({"a":[1, 2],"id":"outbox-1","pubsubname":"ps","topic":"t"})");
  EXPECT_FALSE(Readdress("[]", "ps", "t"));
}

TEST(OutboxEvent, Ids) {
  EXPECT_EQ(IdOf(R"({"id":"outbox-1"})").value_or(""), "outbox-1");
  for (const char* text : {"", "x", "{}", R"({"id":1})", R"({"id":"1"})"}) {
    EXPECT_FALSE(IdOf(text)) << text;
  }
}

}  // namespace
}  // namespace blocks::outbox
