#include "blocks/pubsub/delivery_message.hpp"

#include <gtest/gtest.h>

#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "blocks/pubsub/router.hpp"

namespace blocks::pubsub {
namespace {

namespace wire = blocks::invoke::wire;

TEST(HttpReply, EveryMeaning) {
  const auto answer = [](int status, std::string_view body = "") {
    return ReadHttpReply(status, body).answer;
  };
  EXPECT_EQ(answer(200), Answer::kSuccess);
  EXPECT_EQ(answer(204), Answer::kSuccess);
  EXPECT_EQ(answer(299, "no json"), Answer::kSuccess);
  EXPECT_EQ(answer(200, "[]"), Answer::kSuccess);
  EXPECT_EQ(answer(200, "{}"), Answer::kSuccess);
  EXPECT_EQ(answer(200, R"({"status":7})"), Answer::kSuccess);
  EXPECT_EQ(answer(200, R"({"status":null})"), Answer::kSuccess);
  EXPECT_EQ(answer(200, R"({"status":""})"), Answer::kSuccess);
  EXPECT_EQ(answer(200, R"({"status":"SUCCESS"})"), Answer::kSuccess);
  EXPECT_EQ(answer(200, R"({"status":"RETRY"})"), Answer::kRetry);
  EXPECT_EQ(answer(200, R"({"status":"success"})"), Answer::kRetry);
  EXPECT_EQ(answer(200, R"({"status":"DROP"})"), Answer::kDrop);
  EXPECT_EQ(answer(404), Answer::kNoRoute);
  EXPECT_EQ(answer(500, R"({"status":"SUCCESS"})"), Answer::kFailed);
  EXPECT_EQ(answer(302), Answer::kFailed);
  EXPECT_EQ(answer(0), Answer::kFailed);
}

TEST(BulkReply, ByEntryId) {
  using A = Answer;
  EXPECT_EQ(ReadBulkReply(
                R"({"statuses":[{"entryId":"2","status":"DROP"},{"entryId":"0","status":"SUCCESS"},
                    {"entryId":"9","status":"SUCCESS"},{"entryId":"01","status":"SUCCESS"},7]})",
                4),
            (std::vector<A>{A::kSuccess, A::kRetry, A::kDrop, A::kRetry}));
  EXPECT_EQ(ReadBulkReply(R"({"statuses":[{"entryId":"0","status":""},{"entryId":"1"}]})", 2),
            (std::vector<A>{A::kRetry, A::kRetry}));
  for (const char* bad : {"", "x", "[]", "{}", R"({"statuses":{}})", R"({"statuses":null})"}) {
    EXPECT_EQ(ReadBulkReply(bad, 1), (std::vector<A>{A::kRetry})) << bad;
  }
}

TEST(BulkResponse, ByEntryId) {
  using A = Answer;
  std::string one, two, message;
  wire::AppendBytes(one, 1, "1");
  wire::AppendNumber(one, 2, 2);
  wire::AppendBytes(two, 1, "0");
  wire::AppendBytes(message, 1, one);
  wire::AppendBytes(message, 1, two);
  EXPECT_EQ(ReadBulkResponse(message, 3), (std::vector<A>{A::kSuccess, A::kDrop, A::kRetry}));
  EXPECT_EQ(ReadBulkResponse(message.substr(0, message.size() - 1), 3),
            (std::vector<A>{A::kRetry, A::kRetry, A::kRetry}));
}

TEST(TopicEvent, DeepExtensionsStayReadable) {
  std::string deep(200, '[');
  deep += std::string(200, ']');
  IncomingEvent event({.topic = "t",
                       .data = base::StrCat(R"({"id":"1","data":"x","deep":)", deep, "}"),
                       .content_type = "",
                       .metadata = {}});
  ASSERT_TRUE(event.Decode("ps", "t", false));
  const std::string message = TopicEventMessage(event, {.pubsub = "ps", .topic = "t", .path = ""});
  wire::Reader reader(message);
  int fields = 0;
  while (reader.Next()) ++fields;
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(event.GrpcData(), "x");
  EXPECT_GE(fields, 4);
}

TEST(GrpcData, ByContentType) {
  const auto data = [](std::string_view members) {
    IncomingEvent event({.topic = "t",
                         .data = base::StrCat("{", members, "}"),
                         .content_type = "",
                         .metadata = {}});
    EXPECT_TRUE(event.Decode("ps", "t", false));
    return event.GrpcData();
  };
  EXPECT_EQ(data(R"("datacontenttype":"application/json","data":{"a":1})"), R"({"a":1})");
  EXPECT_EQ(data(R"("datacontenttype":"application/json","data":"s")"), R"("s")");
  EXPECT_EQ(data(R"("datacontenttype":"application/json","data":null)"), "");
  EXPECT_EQ(data(R"("datacontenttype":"text/plain","data":"s")"), "s");
  EXPECT_EQ(data(R"("datacontenttype":"application/octet-stream","data_base64":"AP8=")"),
            std::string("\0\xff", 2));
  EXPECT_EQ(data(R"("data":"s")"), "s");
  EXPECT_EQ(data(R"("id":"1")"), "");
}

TEST(Targets, AreFitForARequest) {
  EXPECT_EQ(TargetOf("orders"), "/orders");
  EXPECT_EQ(TargetOf("/a/b?x=1&y=%20"), "/a/b?x=1&y=%20");
  EXPECT_EQ(TargetOf("/a b\r\nHost: x#f"), "/a%20b%0D%0AHost:%20x%23f");
  EXPECT_EQ(TargetOf(""), "/");
  EXPECT_EQ(TargetOf("/\xc3\xa9"), "/%C3%A9");
}

TEST(Router, FindsTheFirstThatMatches) {
  SubscriptionSpec spec;
  spec.topic = "t";
  spec.rules = {{"event.n == 1", "/one"}, {"has(event.flag)", "/flag"}, {"", "/always"}};
  spec.default_route = "/never";
  const auto router = Router::Compile(spec);
  ASSERT_TRUE(router) << router.error().message;
  const auto path = [&](std::string_view text) -> std::string {
    const auto event = CloudEvent::Parse(text);
    const auto route = router->Find(*event);
    return !route ? "error" : *route ? (*route)->path : "none";
  };
  EXPECT_EQ(path(R"({"n":1})"), "/one");
  EXPECT_EQ(path(R"({"n":2,"flag":null})"), "/flag");
  EXPECT_EQ(path(R"({"n":2})"), "/always");
  EXPECT_EQ(path(R"({"m":2})"), "error");
}

TEST(Router, WithoutRulesNothingIsLookedAt) {
  SubscriptionSpec spec;
  const auto router = Router::Compile(spec);
  ASSERT_TRUE(router);
  const auto event = CloudEvent::Parse("{}");
  EXPECT_EQ((*router->Find(*event))->path, "");
}

TEST(Router, WrongRulesAreNamed) {
  for (const char* rule : {"event.n ==", "nope(event)", "1 + "}) {
    SubscriptionSpec spec;
    spec.topic = "t";
    spec.rules = {{"true", "/a"}, {rule, "/b"}};
    const auto router = Router::Compile(spec);
    ASSERT_FALSE(router) << rule;
    EXPECT_NE(router.error().message.find("rule 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace blocks::pubsub
