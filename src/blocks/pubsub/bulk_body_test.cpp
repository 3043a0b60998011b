#include "blocks/pubsub/bulk_body.hpp"

#include <gtest/gtest.h>

#include "blocks/pubsub/errors.hpp"

namespace blocks::pubsub {
namespace {

base::Result<std::vector<BulkEntry>> Parse(std::string_view json) {
  return ParseBulkBody(json, "ps", "t", "app");
}

TEST(BulkBody, Entries) {
  const auto entries = Parse(
      R"([{"entryId":"1","event":{"b": 1},"contentType":"application/json","metadata":{"k":"v"}},)"
      R"({"ENTRYID":"2","event":"a\u0041","contentType":"text/plain"},)"
      R"({"entryId":"3","event":"AAH/","contentType":"application/octet-stream","metadata":null},)"
      R"({"entryId":"4","event":"x","unknown":[1]},)"
      R"({"entryId":"5","event":"s","contentType":"application/json","metadata":{}},)"
      R"({"entryId":"6","event":{"id":"1"},"contentType":"application/cloudevents+json"},)"
      R"({"entryId":"7","contentType":"application/json"}])");
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 7U);
  EXPECT_EQ((*entries)[0].entry_id, "1");
  EXPECT_EQ((*entries)[0].data, R"({"b": 1})");
  EXPECT_EQ((*entries)[0].content_type, "application/json");
  EXPECT_EQ(*(*entries)[0].metadata, (contracts::Metadata{{"k", "v"}}));
  EXPECT_EQ((*entries)[1].entry_id, "2");
  EXPECT_EQ((*entries)[1].data, "aA");
  EXPECT_FALSE((*entries)[1].metadata);
  EXPECT_EQ((*entries)[2].data, std::string("\0\1\377", 3));
  EXPECT_FALSE((*entries)[2].metadata);
  EXPECT_EQ((*entries)[3].data, "x");
  EXPECT_EQ((*entries)[3].content_type, "");
  EXPECT_EQ((*entries)[4].data, "\"s\"");
  EXPECT_TRUE((*entries)[4].metadata);
  EXPECT_EQ((*entries)[5].data, R"({"id":"1"})");
  EXPECT_EQ((*entries)[6].data, "null");
}

TEST(BulkBody, EmptyOnes) {
  EXPECT_TRUE(Parse("[]")->empty());
  EXPECT_TRUE(Parse("null")->empty());
}

TEST(BulkBody, BadBodies) {
  struct Case {
    const char* json;
    const char* cause;
  };
  for (const Case& c : {
           Case{"", "unexpected end of JSON input"},
           {"{}",
            "json: cannot unmarshal object into Go value of type "
            "[]http.bulkPublishMessageEntry"},
           {"[1]",
            "json: cannot unmarshal number into Go value of type "
            "http.bulkPublishMessageEntry"},
           {R"([{"entryId":1}])",
            "json: cannot unmarshal number into Go struct field bulkPublishMessageEntry.entryId of "
            "type string"},
           {R"([{"metadata":{"a":1}}])",
            "json: cannot unmarshal number into Go struct field bulkPublishMessageEntry.metadata "
            "of type string"},
           {R"([{"metadata":[]}])",
            "json: cannot unmarshal array into Go struct field bulkPublishMessageEntry.metadata of "
            "type map[string]string"},
           {"[", "unexpected end of JSON input"},
           {"[x]", "invalid character 'x' looking for beginning of value"},
       }) {
    const auto entries = Parse(c.json);
    ASSERT_FALSE(entries) << c.json;
    EXPECT_EQ(entries.error().id, base::ErrorId::kPubsubUnmarshalEvents) << c.json;
    EXPECT_EQ(entries.error().message,
              std::string("error when unmarshaling the request for topic t pubsub ps: ") + c.cause);
  }
}

TEST(BulkBody, EventsThatDoNotFit) {
  for (const char* entry : {
           R"({"entryId":"1","event":{}})",
           R"({"entryId":"1"})",
           R"({"entryId":"1","event":1,"contentType":"text/plain"})",
           R"({"entryId":"1","event":{},"contentType":"application/octet-stream"})",
           R"({"entryId":"1","event":"!","contentType":"application/octet-stream"})",
           R"({"entryId":"1","event":[],"contentType":"image/png"})",
           "null",
       }) {
    const auto entries = Parse("[" + std::string(entry) + "]");
    ASSERT_FALSE(entries) << entry;
    EXPECT_EQ(entries.error().id, base::ErrorId::kPubsubMarshalEnvelope) << entry;
    EXPECT_EQ(entries.error().message,
              "error when marshalling cloud event envelope for topic t pubsub ps: mismatch between "
              "contentType and event");
  }
}

TEST(BulkBody, Failures) {
  std::vector<contracts::BulkPublishFailure> failures;
  EXPECT_EQ(WriteBulkFailures(failures, "E"), R"({"failedEntries":[],"errorCode":"E"})");
  failures.push_back({"a\"", base::Error(base::Kind::kInternal, "no\nway")});
  failures.push_back({"b", base::Error(base::Kind::kInternal, "x")});
  EXPECT_EQ(WriteBulkFailures(failures, "E"),
            R"({"failedEntries":[{"entryId":"a\"","error":"no\nway"},{"entryId":"b","error":"x"}],)"
            R"("errorCode":"E"})");
}

}  // namespace
}  // namespace blocks::pubsub
