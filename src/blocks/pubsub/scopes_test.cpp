#include "blocks/pubsub/scopes.hpp"

#include <gtest/gtest.h>

#include "blocks/pubsub/named_pubsub.hpp"

namespace blocks::pubsub {
namespace {

struct NoBroker final : contracts::PubSub {
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return contracts::kPubSubTtl; }
  async::Task<base::Status> Publish(const contracts::Call&, contracts::PublishRequest) override {
    co_return base::Status();
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call&, contracts::SubscribeRequest, contracts::MessageHandler&) override {
    co_return base::Fail(base::Kind::kUnimplemented, "none");
  }
};

config::Properties With(std::vector<config::Properties::Entry> entries) {
  return {"ps", std::move(entries)};
}

TEST(Scopes, Table) {
  struct Case {
    const char* what;
    std::vector<config::Properties::Entry> settings;
    const char* may;      // topics of a b c that may be published
    const char* may_sub;  // and subscribed
  };
  for (const Case& c : {
           Case{"no rules", {}, "abc", "abc"},
           {"allowed", {{"allowedTopics", "a, b"}}, "ab", "ab"},
           {"any case of the field", {{"ALLOWEDTOPICS", "a"}}, "a", "a"},
           {"protected", {{"protectedTopics", "a"}}, "bc", "bc"},
           {"protected and granted",
            {{"protectedTopics", "a"}, {"publishingScopes", "app=a"}},
            "a",
            "bc"},
           {"publishing", {{"publishingScopes", "app=a,b;other=c"}}, "ab", "abc"},
           {"subscription", {{"subscriptionScopes", "other=c; app = a , b "}}, "abc", "ab"},
           {"another app's", {{"publishingScopes", "other=a"}}, "abc", "abc"},
           {"an empty list is none", {{"publishingScopes", "app="}}, "", "abc"},
           {"named twice", {{"publishingScopes", "app=a;app=b"}}, "ab", "abc"},
           {"not allowed although granted",
            {{"allowedTopics", "b"}, {"publishingScopes", "app=a,b"}},
            "b",
            "b"},
           {"no equals sign", {{"publishingScopes", "app"}}, "abc", "abc"},
       }) {
    const Scopes scopes = Scopes::Make(With(c.settings), "app");
    std::string may;
    std::string may_sub;
    for (const char* topic : {"a", "b", "c"}) {
      if (scopes.MayPublish(topic)) may += topic;
      if (scopes.MaySubscribe(topic)) may_sub += topic;
    }
    EXPECT_EQ(may, c.may) << c.what;
    EXPECT_EQ(may_sub, c.may_sub) << c.what;
  }
}

TEST(NamedPubSub, TheNamespaceStandsBeforeTheTopic) {
  config::Component component;
  component.meta.name = "ps";
  const auto make = [&] {
    return MakeNamedPubSub(std::make_shared<NoBroker>(), component, {}, "app", "prod");
  };
  EXPECT_EQ(make().BrokerTopic("t"), "t");
  EXPECT_EQ(make().AppTopic("prodt"), "prodt");
  EXPECT_EQ(make().features, contracts::kPubSubTtl);
  component.metadata.push_back({.name = "consumerID", .value = "x-{namespace}"});
  EXPECT_EQ(make().BrokerTopic("t"), "prodt");
  EXPECT_EQ(make().AppTopic("prodt"), "t");
  EXPECT_EQ(make().AppTopic("xprodprodt"), "xprodt");
  EXPECT_EQ(make().AppTopic("t"), "t");
}

TEST(NamedPubSub, ConsumerId) {
  const auto id = [](std::vector<config::Properties::Entry> entries) {
    return WithConsumerId(With(std::move(entries)), "app").Get("consumerID");
  };
  EXPECT_EQ(id({}), "app");
  EXPECT_EQ(id({{"consumerID", "  "}}), "app");
  EXPECT_EQ(id({{"consumerid", " mine "}}), "mine");
  EXPECT_EQ(WithConsumerId(With({{"other", "x"}}), "app").Get("other"), "x");
}

}  // namespace
}  // namespace blocks::pubsub
