#include "blocks/pubsub/publish.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace blocks::pubsub {
namespace {

using contracts::Call;
using contracts::Metadata;

// Keeps what it is given; fails on the topic "bad" and the data "bad".
class FakeBroker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return features; }
  async::Task<base::Status> Publish(const Call&, contracts::PublishRequest request) override {
    co_return Take(std::move(request));
  }
  bool publishes_at_once() const override { return at_once; }
  std::optional<base::Status> PublishNow(contracts::PublishRequest& request) override {
    if (full) return std::nullopt;
    return Take(std::move(request));
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const Call&, contracts::SubscribeRequest, contracts::MessageHandler&) override {
    co_return base::Fail(base::Kind::kUnimplemented, "none");
  }

  std::vector<contracts::PublishRequest> taken;
  uint32_t features = 0;
  bool at_once = false;
  bool full = false;

 private:
  base::Status Take(contracts::PublishRequest request) {
    if (request.topic == "bad" || request.data == "bad") {
      return base::Fail(base::Kind::kUnavailable, "broken");
    }
    taken.push_back(std::move(request));
    return {};
  }
};

class PublishTest : public testing::Test {
 protected:
  PublishTest() : broker_(std::make_shared<FakeBroker>()) {}

  PublishBlock Block(Scopes scopes = {}) {
    NamedPubSub named{.name = "ps", .pubsub = broker_, .features = broker_->features};
    named.scopes = std::move(scopes);
    named.topic_prefix = prefix_;
    return PublishBlock({.pubsubs = {named}, .app_id = "app"});
  }
  base::Status Publish(const PublishBlock& block, std::string_view topic, std::string_view data,
                       std::string_view type = "", const Metadata& metadata = {}) {
    base::Status out;
    const auto target = block.Open("ps", topic, metadata);
    if (!target) return std::unexpected(target.error());
    Await([&]() -> async::Task<void> {
      return [](const PublishBlock& b, PublishTarget t, std::string_view d, std::string_view c,
                Metadata m, base::Status& result) -> async::Task<void> {
        const Call call;
        result = co_await b.Publish(call, t, d, c, std::move(m));
      }(block, *target, data, type, metadata, out);
    });
    return out;
  }
  base::Result<BulkOutcome> Bulk(const PublishBlock& block, std::string_view topic,
                                 BulkInput input) {
    base::Result<BulkOutcome> out;
    const auto target = block.Open("ps", topic, input.metadata);
    if (!target) return std::unexpected(target.error());
    Await([&]() -> async::Task<void> {
      return [](const PublishBlock& b, PublishTarget t, BulkInput i,
                base::Result<BulkOutcome>& result) -> async::Task<void> {
        const Call call;
        result = co_await b.BulkPublish(call, t, std::move(i));
      }(block, *target, std::move(input), out);
    });
    return out;
  }
  static void Await(std::move_only_function<async::Task<void>()> start) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, std::move(start));
  }
  CloudEvent Event(std::size_t i = 0) { return *CloudEvent::Parse(broker_->taken.at(i).data); }

  std::shared_ptr<FakeBroker> broker_;
  std::string prefix_;
};

TEST_F(PublishTest, WhatNeedsNoBodyIsCheckedInOrder) {
  const PublishBlock block = Block();
  struct Case {
    const char* pubsub;
    const char* topic;
    Metadata metadata;
    base::ErrorId id;
    const char* message;
  };
  for (const Case& c : {
           Case{"", "", {}, base::ErrorId::kPubsubNameEmpty, "pubsub name is empty"},
           {"no", "", {}, base::ErrorId::kPubsubNotFound, "pubsub no is not found"},
           {"ps",
            "",
            {{"rawPayload", "x"}},
            base::ErrorId::kPubsubTopicEmpty,
            "topic is empty in pubsub ps"},
           {"ps",
            "t",
            {{"rawPayload", "x"}},
            base::ErrorId::kPubsubMetadata,
            "failed deserializing metadata. Error: rawPayload value must be a valid boolean: "
            "actual is 'x'"},
       }) {
    const auto target = block.Open(c.pubsub, c.topic, c.metadata);
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().id, c.id);
    EXPECT_EQ(target.error().message, c.message);
  }
  EXPECT_TRUE(block.Open("ps", "t", {{"rawpayload", "T"}})->raw);
  EXPECT_FALSE(block.Open("ps", "t", {{"rawPayload", ""}})->raw);
  EXPECT_FALSE(block.Open("ps", "t", {{"rawPayload", "0"}})->raw);
}

TEST_F(PublishTest, Envelopes) {
  prefix_ = "prod";
  ASSERT_TRUE(Publish(Block(), "t", R"({"a":1})", "application/json", {{"k", "v"}}));
  const contracts::PublishRequest& taken = broker_->taken.at(0);
  EXPECT_EQ(taken.topic, "prodt");
  EXPECT_EQ(taken.content_type, "application/cloudevents+json");
  EXPECT_EQ(taken.metadata, (Metadata{{"k", "v"}}));
  EXPECT_EQ(Event().String("topic"), "t");
  EXPECT_EQ(Event().Raw("data"), R"({"a":1})");
  EXPECT_EQ(Event().String("source"), "app");
}

TEST_F(PublishTest, RawBytesStayAsTheyAre) {
  const std::string bytes("\0\377{", 3);
  ASSERT_TRUE(Publish(Block(), "t", bytes, "image/png", {{"rawPayload", "true"}}));
  EXPECT_EQ(broker_->taken.at(0).data, bytes);
  EXPECT_EQ(broker_->taken.at(0).content_type, "image/png");
}

TEST_F(PublishTest, BrokersThatExpireMessagesThemselves) {
  ASSERT_TRUE(Publish(Block(), "t", "x", "", {{"ttlInSeconds", "5"}}));
  EXPECT_TRUE(Event().Has("expiration"));
  broker_->features = contracts::kPubSubTtl;
  ASSERT_TRUE(Publish(Block(), "t", "x", "", {{"ttlInSeconds", "5"}}));
  EXPECT_FALSE(Event(1).Has("expiration"));
  EXPECT_EQ(*broker_->taken.at(1).metadata.Find("ttlInSeconds"), "5");
}

TEST_F(PublishTest, Errors) {
  const auto failed = Publish(Block(), "bad", "x");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().id, base::ErrorId::kPubsubPublish);
  EXPECT_EQ(failed.error().kind, base::Kind::kUnavailable);
  EXPECT_EQ(failed.error().message, "error when publishing to topic bad in pubsub ps: broken");

  const auto no_event = Publish(Block(), "t", "[]", "application/cloudevents+json");
  ASSERT_FALSE(no_event);
  EXPECT_EQ(no_event.error().id, base::ErrorId::kPubsubCloudEventCreation);
  EXPECT_EQ(no_event.error().message, "cannot create cloudevent");

  const config::Properties properties("ps", {{"allowedTopics", "a"}});
  const auto forbidden = Publish(Block(Scopes::Make(properties, "app")), "t", "x");
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().id, base::ErrorId::kPubsubForbidden);
  EXPECT_EQ(forbidden.error().message, "topic t is not allowed for app id app");
  EXPECT_TRUE(broker_->taken.empty());
}

TEST_F(PublishTest, AtOnce) {
  const PublishBlock block = Block();
  const Call call;
  Metadata metadata{{"k", "v"}};
  const auto target = block.Open("ps", "t", metadata);
  EXPECT_FALSE(block.TryPublish(call, *target, "x", "", metadata));
  broker_->at_once = true;
  broker_->full = true;
  EXPECT_FALSE(block.TryPublish(call, *target, "x", "", metadata));
  EXPECT_EQ(metadata.size(), 1U);
  broker_->full = false;
  const auto taken = block.TryPublish(call, *target, "x", "", metadata);
  ASSERT_TRUE(taken && *taken);
  EXPECT_EQ(broker_->taken.at(0).metadata, (Metadata{{"k", "v"}}));
  EXPECT_EQ(Event().String("data"), "x");

  const auto bad = block.Open("ps", "bad", {});
  const auto failed = block.TryPublish(call, *bad, "x", "", metadata);
  ASSERT_TRUE(failed && !*failed);
  EXPECT_EQ(failed->error().id, base::ErrorId::kPubsubPublish);
}

TEST_F(PublishTest, BulkMergesMetadataOnlyIntoEntriesThatHaveSome) {
  BulkInput input;
  input.metadata = {{"cloudevent.source", "request"}, {"cloudevent.type", "type"}};
  input.entries.push_back({"1", "a", "", std::nullopt});
  input.entries.push_back({"2", "b", "", Metadata{{"cloudevent.source", "entry"}}});
  input.entries.push_back({"3", "c", "", Metadata{}});
  const auto outcome = Bulk(Block(), "t", std::move(input));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->error);
  ASSERT_EQ(broker_->taken.size(), 3U);
  EXPECT_EQ(Event(0).String("source"), "app");
  EXPECT_EQ(Event(0).String("type"), "com.dapr.event.sent");
  EXPECT_EQ(Event(1).String("source"), "entry");
  EXPECT_EQ(Event(1).String("type"), "type");
  EXPECT_EQ(Event(2).String("source"), "request");
  EXPECT_EQ(*broker_->taken[0].metadata.Find("cloudevent.source"), "request");
  EXPECT_EQ(broker_->taken[0].content_type, "application/cloudevents+json");
}

TEST_F(PublishTest, BulkIds) {
  for (const char* second : {"1", ""}) {
    BulkInput input;
    input.entries.push_back({"1", "a", "", std::nullopt});
    input.entries.push_back({second, "b", "", std::nullopt});
    const auto outcome = Bulk(Block(), "t", std::move(input));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().id, base::ErrorId::kPubsubMarshalEvents);
    EXPECT_EQ(outcome.error().message,
              "error marshaling events to bytes for topic t pubsub ps. error: entryId is "
              "duplicated or not present for entry");
  }
  EXPECT_TRUE(broker_->taken.empty());
}

TEST_F(PublishTest, BulkFailuresNameTheirEntries) {
  BulkInput input;
  input.metadata = {{"rawPayload", "true"}};
  input.entries.push_back({"1", "good", "", std::nullopt});
  input.entries.push_back({"2", "bad", "", std::nullopt});
  const auto outcome = Bulk(Block(), "t", std::move(input));
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->failures.size(), 1U);
  EXPECT_EQ(outcome->failures[0].entry_id, "2");
  EXPECT_EQ(outcome->failures[0].error.message, "broken");
  ASSERT_TRUE(outcome->error);
  EXPECT_EQ(outcome->error->message, "error when publishing to topic t in pubsub ps: broken");
  EXPECT_EQ(broker_->taken.at(0).data, "good");
}

TEST_F(PublishTest, BulkForbidden) {
  const config::Properties properties("ps", {{"publishingScopes", "app="}});
  BulkInput input;
  input.entries.push_back({"1", "a", "", std::nullopt});
  const auto outcome = Bulk(Block(Scopes::Make(properties, "app")), "t", std::move(input));
  ASSERT_TRUE(outcome);
  ASSERT_TRUE(outcome->error);
  EXPECT_EQ(outcome->error->id, base::ErrorId::kPubsubForbidden);
  EXPECT_TRUE(outcome->failures.empty());
  EXPECT_TRUE(broker_->taken.empty());
}

TEST_F(PublishTest, BulkSpansDiffer) {
  const auto trace =
      telemetry::ParseTraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "");
  const telemetry::Tracer tracer = telemetry::Tracer::FromSamplingRate("1");
  NamedPubSub named{.name = "ps", .pubsub = broker_};
  const PublishBlock block({.pubsubs = {named}, .app_id = "app", .tracer = &tracer});
  Await([&]() -> async::Task<void> {
    return [](const PublishBlock& b, const telemetry::TraceContext& t) -> async::Task<void> {
      Call call;
      call.trace = &t;
      BulkInput input;
      input.entries.push_back({"1", "a", "", std::nullopt});
      input.entries.push_back({"2", "b", "", std::nullopt});
      EXPECT_TRUE(co_await b.BulkPublish(call, *b.Open("ps", "t", {}), std::move(input)));
    }(block, *trace);
  });
  const std::string one = Event(0).String("traceparent").value_or("");
  const std::string two = Event(1).String("traceparent").value_or("");
  EXPECT_TRUE(one.starts_with("00-0af7651916cd43dd8448eb211c80319c-")) << one;
  EXPECT_TRUE(two.starts_with("00-0af7651916cd43dd8448eb211c80319c-")) << two;
  EXPECT_NE(one, two);
}

TEST_F(PublishTest, MessagesOfTheRuntimeKeepTheirBytes) {
  prefix_ = "prod";
  const PublishBlock block = Block();
  Await([&]() -> async::Task<void> {
    return [](const PublishBlock& b) -> async::Task<void> {
      const Call call;
      EXPECT_TRUE(co_await b.PublishMessage(call, b.pubsubs().front(), "dead", "{bytes", "x/y",
                                            {{"k", "v"}}));
      EXPECT_FALSE(co_await b.PublishMessage(call, b.pubsubs().front(), "dead", "bad", "", {}));
    }(block);
  });
  EXPECT_EQ(broker_->taken.at(0).topic, "proddead");
  EXPECT_EQ(broker_->taken.at(0).data, "{bytes");
  EXPECT_EQ(broker_->taken.at(0).content_type, "x/y");
  EXPECT_EQ(broker_->taken.at(0).metadata.size(), 1U);
}

}  // namespace
}  // namespace blocks::pubsub
