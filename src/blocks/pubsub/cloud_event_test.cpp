#include "blocks/pubsub/cloud_event.hpp"

#include <gtest/gtest.h>

#include "base/go_json.hpp"

namespace blocks::pubsub {
namespace {

using contracts::Metadata;

// The envelope with what differs each time cut out of it.
std::string Envelope(std::string_view data, std::string_view type, const Metadata& metadata = {},
                     const telemetry::TraceContext* trace = nullptr) {
  auto built = BuildEnvelope({.app_id = "app",
                              .pubsub = "ps",
                              .topic = "t",
                              .data = data,
                              .content_type = type,
                              .trace = trace,
                              .metadata = &metadata});
  if (!built) return "error: " + built.error().message;
  std::string text = *built;
  EXPECT_TRUE(base::CheckJson(text)) << text;
  const auto sorted = base::ReencodeLikeGo(text, {.exact_numbers = true});
  EXPECT_EQ(text, sorted.value_or("")) << "not in the form of a sorted map";
  for (const char* key : {"\"id\":\"", "\"time\":\"", "\"expiration\":\""}) {
    const std::size_t at = text.find(key);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + std::string_view(key).size();
    const std::size_t size = text.find('"', begin) - begin;
    if (size == 36 || (text[begin] == '2' && size >= 20)) text.replace(begin, size, "…");
  }
  return text;
}

std::string Rest(std::string_view datacontenttype) {
  return "\"datacontenttype\":\"" + std::string(datacontenttype) +
         "\",\"id\":\"…\",\"pubsubname\":\"ps\",\"source\":\"app\",\"specversion\":\"1.0\","
         "\"time\":\"…\",\"topic\":\"t\",\"traceid\":\"\",\"traceparent\":\"\",\"tracestate\":\"\","
         "\"type\":\"com.dapr.event.sent\"}";
}

TEST(Envelope, DataByContentType) {
  struct Case {
    std::string_view data;
    std::string_view type;
    std::string_view member;
    std::string_view shown_type;
  };
  for (const Case& c : {
           Case{"hello", "", R"("data":"hello")", "text/plain"},
           {"hello", "text/plain", R"("data":"hello")", "text/plain"},
           {R"({"b":2,"a":1})", "application/json", R"("data":{"a":1,"b":2})", "application/json"},
           {R"( [1.50, 12345678901234567890, 1E2] )", "application/json",
            R"("data":[1.50,12345678901234567890,1E2])", "application/json"},
           {R"({"a":1})", "application/json; charset=utf-8", R"("data":{"a":1})",
            "application/json; charset=utf-8"},
           {R"({"a":1})", "APPLICATION/JSON", R"("data":{"a":1})", "APPLICATION/JSON"},
           {"null", "application/json", R"("data":null)", "application/json"},
           {R"("text")", "application/json", R"("data":"text")", "application/json"},
           {"{broken", "application/json", R"("data":"{broken")", "application/json"},
           {"", "application/json", R"("data":"")", "application/json"},
           {"", "", R"("data":"")", "text/plain"},
           {R"({"a":1})", "text/plain", R"("data":"{\"a\":1}")", "text/plain"},
           {"<a>", "application/xml", R"("data":"\u003ca\u003e")", "application/xml"},
           {R"({"a":1})", "application/vnd.thing+json", R"("data":"{\"a\":1}")",
            "application/vnd.thing+json"},
           {std::string_view("\0\1\377", 3), "application/octet-stream", R"("data_base64":"AAH/")",
            "application/octet-stream"},
           {"abc", "application/octet-stream", R"("data_base64":"YWJj")",
            "application/octet-stream"},
           // A string could not hold these.
           {"\xff\xd8\xff", "image/jpeg", R"("data_base64":"/9j/")", "image/jpeg"},
           {"{\"a\":\"\xff\"", "application/json", R"("data_base64":"eyJhIjoi/yI=")",
            "application/json"},
       }) {
    EXPECT_EQ(Envelope(c.data, c.type), "{" + std::string(c.member) + "," + Rest(c.shown_type))
        << c.data << " as " << c.type;
  }
}

TEST(Envelope, IdsAreNew) {
  const auto id = [] {
    const auto text = BuildEnvelope({.app_id = "a", .pubsub = "p", .topic = "t", .data = "x"});
    return CloudEvent::Parse(*text)->String("id").value_or("");
  };
  EXPECT_EQ(id().size(), 36U);
  EXPECT_NE(id(), id());
}

TEST(Envelope, Overrides) {
  const Metadata metadata{{"cloudevent.ID", "i"},           {"CloudEvent.source", "s"},
                          {"cloudevent.type", "ty"},        {"cloudevent.subject", "su"},
                          {"cloudevent.traceparent", "tp"}, {"cloudevent.tracestate", "ts"},
                          {"cloudevent.topic", "other"},    {"cloudevent.", "x"},
                          {"cloudevent.data", "other"}};
  EXPECT_EQ(Envelope("d", "", metadata),
            R"({"data":"d","datacontenttype":"text/plain","id":"i","pubsubname":"ps","source":"s",)"
            R"("specversion":"1.0","subject":"su","time":"…","topic":"t","traceid":"tp",)"
            R"("traceparent":"tp","tracestate":"ts","type":"ty"})");
  const Metadata ids{{"cloudevent.traceid", "own"}, {"cloudevent.traceparent", "tp"}};
  const std::string both = Envelope("d", "", ids);
  EXPECT_NE(both.find(R"("traceid":"own","traceparent":"tp")"), std::string::npos) << both;
  const std::string empty = Envelope("d", "", {{"cloudevent.source", ""}});
  EXPECT_NE(empty.find(R"("source":"app")"), std::string::npos) << empty;
}

TEST(Envelope, Trace) {
  const auto trace = telemetry::ParseTraceContext(
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "k=v");
  const std::string text = Envelope("d", "", {}, &*trace);
  EXPECT_NE(text.find(R"("traceid":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",)"
                      R"("traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",)"
                      R"("tracestate":"k=v")"),
            std::string::npos)
      << text;
  const telemetry::TraceContext none;
  EXPECT_NE(Envelope("d", "", {}, &none).find(R"("traceid":"","traceparent":"","tracestate":"")"),
            std::string::npos);
}

TEST(Envelope, TimeToLive) {
  const auto expiration = [](const char* ttl, bool broker = false) -> std::optional<std::string> {
    const Metadata metadata{{"ttlinseconds", ttl}};
    const auto text = BuildEnvelope({.app_id = "a",
                                     .pubsub = "p",
                                     .topic = "t",
                                     .data = "x",
                                     .metadata = &metadata,
                                     .broker_expires = broker});
    return CloudEvent::Parse(*text)->String("expiration");
  };
  const auto soon = base::ParseRfc3339(expiration("60").value_or(""));
  ASSERT_TRUE(soon);
  const auto from_now = *soon - base::WallNow();
  EXPECT_GT(from_now, std::chrono::seconds(57));
  EXPECT_LE(from_now, std::chrono::seconds(60));
  EXPECT_FALSE(expiration("60", true));
  EXPECT_FALSE(expiration("0"));
  EXPECT_FALSE(expiration("-1"));
  EXPECT_FALSE(expiration("soon"));
  EXPECT_FALSE(expiration(""));
  EXPECT_TRUE(expiration("9223372036854775807"));
}

TEST(Envelope, APublishersCloudEventIsCompleted) {
  constexpr std::string_view kType = "application/cloudevents+json";
  EXPECT_EQ(Envelope(R"({"id":"1"})", kType),
            R"({"id":"1","pubsubname":"ps","source":"Dapr","specversion":"1.0","time":"…",)"
            R"("topic":"t","traceid":"","traceparent":"","tracestate":"",)"
            R"("type":"com.dapr.event.sent"})");
  // No id is made up, and metadata overrides nothing.
  EXPECT_EQ(Envelope("{}", "application/CloudEvents+json;charset=utf-8", {{"cloudevent.id", "x"}}),
            R"({"pubsubname":"ps","source":"Dapr","specversion":"1.0","time":"…",)"
            R"("topic":"t","traceid":"","traceparent":"","tracestate":"",)"
            R"("type":"com.dapr.event.sent"})");
  EXPECT_EQ(
      Envelope(
          R"({"type":"mine","topic":"x","pubsubname":7,"zz":1.10,"source":"me",)"
          R"("specversion":"0.3","time":"then","aa":[1],"data":{"b":1,"a":12345678901234567890},)"
          R"("traceid":"tid","tracestate":"st"})",
          kType),
      R"({"aa":[1],"data":{"a":12345678901234567890,"b":1},"pubsubname":"ps","source":"me",)"
      R"("specversion":"0.3","time":"then","topic":"t","traceid":"tid","tracestate":"st",)"
      R"("type":"mine","zz":1.10})");
  // A traceparent of its own is replaced when there is no traceid.
  EXPECT_NE(Envelope(R"({"traceparent":"old"})", kType).find(R"("traceid":"","traceparent":"")"),
            std::string::npos);
  EXPECT_NE(Envelope(R"({"id":"1"})", kType, {{"ttlInSeconds", "5"}})
                .find(R"({"expiration":"…","id":"1")"),
            std::string::npos);
}

TEST(Envelope, WhatClaimsToBeACloudEventAndIsNone) {
  for (const std::string_view data : {"", "[]", "null", "1", "\"x\"", "{", "{} {}"}) {
    const auto built = BuildEnvelope({.app_id = "app",
                                      .pubsub = "ps",
                                      .topic = "t",
                                      .data = data,
                                      .content_type = kCloudEventContentType});
    ASSERT_FALSE(built) << data;
    EXPECT_EQ(built.error().kind, base::Kind::kInvalidArgument);
    EXPECT_FALSE(built.error().message.empty());
  }
}

TEST(RawEvent, Synthesised) {
  const std::string text = BuildRawEvent("ps", "t", "abc", {{"TraceParent", "tp"}, {"k", "v"}});
  const auto event = CloudEvent::Parse(text);
  ASSERT_TRUE(event) << text;
  EXPECT_EQ(event->String("data_base64"), "YWJj");
  EXPECT_EQ(event->String("datacontenttype"), "application/octet-stream");
  EXPECT_EQ(event->String("source"), "Dapr");
  EXPECT_EQ(event->String("specversion"), "1.0");
  EXPECT_EQ(event->String("topic"), "t");
  EXPECT_EQ(event->String("pubsubname"), "ps");
  EXPECT_EQ(event->String("type"), "com.dapr.event.sent");
  EXPECT_EQ(event->String("traceparent"), "tp");
  EXPECT_EQ(event->String("id").value_or("").size(), 36U);
  EXPECT_FALSE(event->Has("traceid"));
  EXPECT_FALSE(event->Has("k"));
  EXPECT_EQ(event->members().size(), 9U);
  EXPECT_EQ(event->Data(), "abc");
}

TEST(BinaryEvent, AttributesComeFromMetadata) {
  const Metadata metadata{{"CE_Id", "1"}, {"ce_source", "me"}, {"ce_data", "no"}, {"other", "x"}};
  EXPECT_EQ(BuildBinaryEvent("ps", "t", "abc", "application/octet-stream", metadata),
            R"({"data_base64":"YWJj","datacontenttype":"application/octet-stream","id":"1",)"
            R"("pubsubname":"ps","source":"me","topic":"t"})");
  EXPECT_EQ(BuildBinaryEvent("ps", "t", R"({"a":1})", "application/json", {{"ce_aa", "1"}}),
            R"({"aa":"1","data":{"a":1},"datacontenttype":"application/json","pubsubname":"ps",)"
            R"("topic":"t"})");
}

TEST(CloudEventParse, Members) {
  const std::string text = R"( {"b" : "x\ny", "a":1, "b":"last", "c":{"d":[1, 2]}, "é":null} )";
  const auto event = CloudEvent::Parse(text);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->members().size(), 4U);
  EXPECT_EQ(event->Raw("a"), "1");
  EXPECT_EQ(event->String("a"), std::nullopt);
  EXPECT_EQ(event->String("b"), "last");
  EXPECT_EQ(event->Raw("c"), R"({"d":[1, 2]})");
  EXPECT_EQ(event->Raw("é"), "null");
  EXPECT_FALSE(event->Has("z"));
  EXPECT_FALSE(CloudEvent::Parse("[1]"));
  EXPECT_FALSE(CloudEvent::Parse("{\"a\":1"));
  EXPECT_FALSE(CloudEvent::Parse(""));
}

// However an object is written, the same is accepted, and the same is read.
TEST(CloudEventParse, WrittenTightOrWide) {
  for (const std::string_view text :
       {R"({"a":"1","b":2})", R"({"a":"x\"y","b":[1,{"c":"}"}]})", R"({"a":"\u0041","b":null})",
        R"({"a":{},"b":-1.5e3})", "{\"a\":\"\xc3\xa9\",\"b\":\"\xff\"}", R"({"a":[],"b":"]"})"}) {
    std::string wide(text);
    wide.insert(1, " ");  // no longer in the one form that is read in one pass
    const auto tight = CloudEvent::Parse(text);
    const auto other = CloudEvent::Parse(wide);
    ASSERT_TRUE(tight && other) << text;
    ASSERT_EQ(tight->members().size(), 2U);
    for (const std::string_view key : {"a", "b"}) EXPECT_EQ(tight->Raw(key), other->Raw(key));
  }
  for (const std::string_view text :
       {R"({)",         R"({})x", R"({"a")", R"({"a":)",    R"({"a":})",      R"({"a":1)",
        R"({"a":1,})",  R"({"a":1}})",       R"({"a":"1)",  R"({"a":"\x"})",  "{\"a\":\"\n\"}",
        R"({"a":01})",  R"({"a":tru})",      R"({"a":[1})", R"({"a":[1]]})",  R"({"a" "b"})",
        R"({"a":1 2})", R"({"a":"b""c"})",   R"({a:1})",    R"({"a":1,"b"})", R"({"a":{"b":1})"}) {
    EXPECT_FALSE(CloudEvent::Parse(text)) << text;
  }
  EXPECT_TRUE(CloudEvent::Parse("{}"));
}

TEST(CloudEventParse, Data) {
  const auto data = [](std::string_view text) { return CloudEvent::Parse(text)->Data(); };
  EXPECT_EQ(data(R"({"data":"a\u0041"})"), "aA");
  EXPECT_EQ(data(R"({"data":{"a": 1}})"), R"({"a": 1})");
  EXPECT_EQ(data(R"({"data_base64":"AAH/"})"), std::string("\0\1\377", 3));
  EXPECT_EQ(data(R"({"data_base64":"!"})"), std::nullopt);
  EXPECT_EQ(data("{}"), std::nullopt);
}

TEST(CloudEventParse, Expiration) {
  const auto expired = [](std::string_view text) {
    return CloudEvent::Parse(text)->Expired(*base::ParseRfc3339("2024-01-01T00:00:00Z"));
  };
  EXPECT_TRUE(expired(R"({"expiration":"2023-12-31T23:59:59Z"})"));
  EXPECT_TRUE(expired(R"({"expiration":"2024-01-01T00:59:59+01:00"})"));
  EXPECT_FALSE(expired(R"({"expiration":"2024-01-01T00:00:01Z"})"));
  EXPECT_FALSE(expired(R"({"expiration":"yesterday"})"));
  EXPECT_FALSE(expired(R"({"expiration":7})"));
  EXPECT_FALSE(expired("{}"));
}

// Many keys take no quadratic time.
TEST(CloudEventParse, ManyEqualKeys) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"k" + std::to_string(i % 50'000) + "\":1,";
  text += "\"k0\":2}";
  const auto event = CloudEvent::Parse(text);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->members().size(), 50'000U);
  EXPECT_EQ(event->Raw("k0"), "2");
}

}  // namespace
}  // namespace blocks::pubsub
