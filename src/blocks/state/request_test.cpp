#include "blocks/state/request.hpp"

#include <gtest/gtest.h>

namespace blocks::state {
namespace {

using contracts::Concurrency;
using contracts::Consistency;

TEST(ParseSave, AllFields) {
  const auto items = ParseSaveRequest(
      R"( [ {"key":"a","value":{"z":1,"y":[1.0,"<"]},"etag":"7","metadata":{"ttlInSeconds":"5"},
            "options":{"concurrency":"first-write","consistency":"strong"},
            "contentType":"application/json","unknown":[{}]} , {"key":"b"} ] )",
      "store");
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 2u);
  const contracts::SetRequest& a = items->front();
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.value, R"({"y":[1,"\u003c"],"z":1})");
  EXPECT_TRUE(a.json);
  EXPECT_EQ(a.etag, "7");
  EXPECT_EQ(a.metadata, (contracts::Metadata{{"ttlInSeconds", "5"}}));
  EXPECT_EQ(a.options.concurrency, Concurrency::kFirstWrite);
  EXPECT_EQ(a.options.consistency, Consistency::kStrong);
  EXPECT_EQ(a.content_type, "application/json");
  const contracts::SetRequest& b = items->back();
  EXPECT_EQ(b.value, "null");
  EXPECT_FALSE(b.etag.has_value());
  EXPECT_EQ(b.options.concurrency, Concurrency::kUnspecified);
}

TEST(ParseSave, NamesInAnyCaseAndTheLastWins) {
  const auto items = ParseSaveRequest(
      R"([{"KEY":"x","key":"a","Value":1,"VALUE":2,"eTag":"e","etag":null}])", "s");
  ASSERT_TRUE(items);
  EXPECT_EQ(items->front().key, "a");
  EXPECT_EQ(items->front().value, "2");
  EXPECT_FALSE(items->front().etag.has_value());
}

TEST(ParseSave, BigIntegersLosePrecisionAsInGo) {
  const auto items = ParseSaveRequest(R"([{"key":"a","value":9007199254740993}])", "s");
  ASSERT_TRUE(items);
  EXPECT_EQ(items->front().value, "9007199254740992");
}

TEST(ParseSave, EscapedAndBrokenKeys) {
  const auto items =
      ParseSaveRequest("[{\"key\":\"\\u00e9\\ud83d\\ude00\\ud800\\n\\\"\\/\xff\"}]", "s");
  ASSERT_TRUE(items) << items.error().message;
  EXPECT_EQ(items->front().key, "é😀\uFFFD\n\"/\uFFFD");
}

TEST(ParseSave, UrlMetadataOverridesTheItems) {
  const auto items = ParseSaveRequest(R"([{"key":"a","metadata":{"x":"1","y":"2"}},{"key":"b"}])",
                                      "s", {{"x", "9"}, {"z", "3"}});
  ASSERT_TRUE(items);
  EXPECT_EQ(items->at(0).metadata, (contracts::Metadata{{"x", "9"}, {"y", "2"}, {"z", "3"}}));
  EXPECT_EQ(items->at(1).metadata, (contracts::Metadata{{"x", "9"}, {"z", "3"}}));
}

TEST(ParseSave, NothingToSave) {
  EXPECT_TRUE(ParseSaveRequest("[]", "s")->empty());
  EXPECT_TRUE(ParseSaveRequest("null", "s")->empty());
}

TEST(ParseSave, WrongBodies) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "EOF"},
      {"  ", "EOF"},
      {"[{\"key\":", "unexpected EOF"},
      {"{\"key\":\"a\"}", "json: cannot unmarshal object into Go value of type []state.SetRequest"},
      {"\"x\"", "json: cannot unmarshal string into Go value of type []state.SetRequest"},
      {"[1]", "json: cannot unmarshal number into Go value of type state.SetRequest"},
      {"[{\"key\":1}]",
       "json: cannot unmarshal number into Go struct field SetRequest.key of type string"},
      {"[{\"key\":\"a\",\"metadata\":{\"x\":1}}]",
       "json: cannot unmarshal number into Go struct field SetRequest.metadata of type string"},
      {"[{\"key\":\"a\",\"etag\":true}]",
       "json: cannot unmarshal bool into Go struct field SetRequest.etag of type string"},
      {"[{\"value\":1}]", "\"key\" is a required field"},
      {"[{\"key\":\"\"}]", "\"key\" is a required field"},
      {"[null]", "\"key\" is a required field"},
      {"[{\"key\":\"a\"},]", "invalid character ']' looking for beginning of value"},
      {"[{\"key\":\"a\"}] x", "invalid character 'x' after top-level value"}};
  for (const auto& [json, message] : cases) {
    const auto items = ParseSaveRequest(json, "s");
    ASSERT_FALSE(items) << json;
    EXPECT_EQ(items.error().id, base::ErrorId::kMalformedRequest);
    EXPECT_EQ(items.error().message, message);
  }
}

TEST(ParseSave, UnknownOptionsFailTheSave) {
  const auto items =
      ParseSaveRequest(R"([{"key":"a","options":{"concurrency":"odd"}}])", "mystore");
  ASSERT_FALSE(items);
  EXPECT_EQ(items.error().id, base::ErrorId::kStateSave);
  EXPECT_EQ(items.error().kind, base::Kind::kInternal);
  EXPECT_EQ(items.error().message,
            "failed saving state in state store mystore: unrecognized concurrency model 'odd'");
}

TEST(ParseTransaction, OperationsAndMetadata) {
  const auto body = ParseTransaction(
      R"({"operations":[{"operation":"upsert","request":{"key":"a","value":"v","etag":"1"}},
          {"operation":"delete","request":{"key":"b"}},{"operation":"odd"}],
          "metadata":{"partitionKey":"p"}})",
      {{"x", "y"}});
  ASSERT_TRUE(body) << body.error().message;
  ASSERT_EQ(body->operations.size(), 3u);
  EXPECT_EQ(body->operations[0].operation, "upsert");
  EXPECT_EQ(body->operations[0].request.value, "\"v\"");
  EXPECT_EQ(body->operations[0].request.etag, "1");
  EXPECT_EQ(body->operations[1].request.key, "b");
  EXPECT_EQ(body->operations[2].operation, "odd");
  EXPECT_EQ(body->metadata, (contracts::Metadata{{"partitionKey", "p"}, {"x", "y"}}));
  EXPECT_TRUE(ParseTransaction("{}")->operations.empty());
  EXPECT_TRUE(ParseTransaction(R"({"operations":null})")->operations.empty());
}

TEST(ParseTransaction, WrongBodies) {
  for (const char* json : {"", "[]", "{\"operations\":{}}", "{\"operations\":[1]}",
                           "{\"operations\":[{\"operation\":1}]}", "{\"metadata\":[]}"}) {
    const auto body = ParseTransaction(json);
    ASSERT_FALSE(body) << json;
    EXPECT_EQ(body.error().id, base::ErrorId::kMalformedRequest);
    EXPECT_TRUE(body.error().message.starts_with("failed deserializing HTTP body: "))
        << body.error().message;
  }
}

TEST(ParseBulkGet, AllFields) {
  const auto body = ParseBulkGet(R"({"keys":["a","b"],"parallelism":3,"metadata":{"m":"1"}})");
  ASSERT_TRUE(body);
  EXPECT_EQ(body->keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(body->parallelism, 3);
  EXPECT_EQ(body->metadata, (contracts::Metadata{{"m", "1"}}));
  EXPECT_TRUE(ParseBulkGet("{}")->keys.empty());
}

TEST(ParseBulkGet, WrongBodies) {
  for (const char* json :
       {"", "[]", "{\"keys\":\"a\"}", "{\"keys\":[1]}", "{\"parallelism\":\"3\"}",
        "{\"parallelism\":1.5}", "{\"parallelism\":99999999999}"}) {
    const auto body = ParseBulkGet(json);
    ASSERT_FALSE(body) << json;
    EXPECT_EQ(body.error().id, base::ErrorId::kMalformedRequest);
  }
}

TEST(WriteBulkGet, LeavesOutWhatIsEmpty) {
  std::vector<contracts::BulkGetItem> items(4);
  items[0] = {.key = "a",
              .value = {.found = true,
                        .data = "{ \"x\" : \"<\" }",
                        .etag = "1",
                        .metadata = {{"ttlExpireTime", "t"}}}};
  items[1] = {.key = "zz"};
  items[2] = {.key = "broken", .error = "it is"};
  items[3] = {.key = "raw", .value = {.found = true, .data = "no json"}};
  EXPECT_EQ(WriteBulkGetResponse(items),
            "[{\"key\":\"a\",\"data\":{\"x\":\"\\u003c\"},\"etag\":\"1\","
            "\"metadata\":{\"ttlExpireTime\":\"t\"}},{\"key\":\"zz\"},"
            "{\"key\":\"broken\",\"error\":\"it is\"},"
            "{\"key\":\"raw\",\"error\":\"the stored value is no JSON: invalid character 'o' in "
            "literal null (expecting 'u')\"}]\n");
  EXPECT_EQ(WriteBulkGetResponse({}), "[]\n");
}

}  // namespace
}  // namespace blocks::state
