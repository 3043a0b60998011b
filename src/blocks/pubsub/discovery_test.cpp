#include "blocks/pubsub/discovery.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "async/gate.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "blocks/pubsub/discovery_cache.hpp"

namespace blocks::pubsub {
namespace {

namespace wire = blocks::invoke::wire;

TEST(SubscribeAnswer, EveryField) {
  const auto found = ParseSubscribeAnswer(R"([
    {"pubsubname":"ps","topic":"a","metadata":{"k":"v"},"deadLetterTopic":"dead","unknown":[1,{}],
     "routes":{"rules":[{"match":"event.type == 'x'","path":"/x"},{"path":"/y"}],"default":"/d"},
     "route":"/r","bulkSubscribe":{"enabled":true,"maxMessagesCount":7,"maxAwaitDurationMs":40}},
    {"PubsubName":"ps","Topic":"b","route":"plain","routes":null,"metadata":null},
    {"pubsubname":"ps","topic":"c","route":"/r","routes":{"rules":[{"match":"true","path":"/x"}]}}])");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->subscriptions.size(), 3U);
  const SubscriptionSpec& a = found->subscriptions[0];
  EXPECT_EQ(a.pubsub, "ps");
  EXPECT_EQ(a.metadata.at("k"), "v");
  EXPECT_EQ(a.dead_letter_topic, "dead");
  EXPECT_EQ(a.default_route, "/d");
  ASSERT_EQ(a.rules.size(), 2U);
  EXPECT_EQ(a.rules[0].path, "/x");
  EXPECT_EQ(a.rules[1].match, "");
  EXPECT_TRUE(a.bulk.enabled);
  EXPECT_EQ(a.bulk.max_messages_count, 7);
  EXPECT_EQ(a.bulk.max_await_duration_ms, 40);
  EXPECT_EQ(a.source, SubscriptionSource::kProgrammatic);
  EXPECT_EQ(found->subscriptions[1].default_route, "plain");
  EXPECT_EQ(found->subscriptions[2].default_route, "/r");
}

TEST(SubscribeAnswer, UnusableEntriesAreLeftOut) {
  const auto found = ParseSubscribeAnswer(
      R"([{"topic":"a","route":"/a"},{"pubsubname":"p","route":"/a"},{"pubsubname":"p","topic":"t"}])");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->subscriptions.empty());
  EXPECT_EQ(found->warnings.size(), 3U);
}

TEST(SubscribeAnswer, Empty) {
  EXPECT_TRUE(ParseSubscribeAnswer("null")->subscriptions.empty());
  EXPECT_TRUE(ParseSubscribeAnswer(" [] ")->subscriptions.empty());
}

TEST(SubscribeAnswer, Malformed) {
  for (const char* bad :
       {"", "{}", "hello", "[", "[1]", "[[]]", R"([{"topic":1}])", R"([{"routes":[]}])",
        R"([{"routes":{"rules":{}}}])", R"([{"bulkSubscribe":{"enabled":"yes"}}])",
        R"([{"bulkSubscribe":{"maxMessagesCount":1.5}}])", R"([{"metadata":{"a":1}}])"}) {
    EXPECT_FALSE(ParseSubscribeAnswer(bad)) << bad;
  }
}

TEST(ListTopicSubscriptions, EveryField) {
  std::string rule;
  wire::AppendBytes(rule, 1, "event.type == 'x'");
  wire::AppendBytes(rule, 2, "/x");
  std::string routes;
  wire::AppendBytes(routes, 1, rule);
  wire::AppendBytes(routes, 2, "/d");
  std::string pair;
  wire::AppendBytes(pair, 1, "k");
  wire::AppendBytes(pair, 2, "v");
  std::string bulk;
  wire::AppendNumber(bulk, 1, 1);
  wire::AppendNumber(bulk, 2, 5);
  std::string entry;
  wire::AppendBytes(entry, 1, "ps");
  wire::AppendBytes(entry, 2, "a");
  wire::AppendBytes(entry, 3, pair);
  wire::AppendBytes(entry, 5, routes);
  wire::AppendBytes(entry, 6, "dead");
  wire::AppendBytes(entry, 7, bulk);
  std::string message;
  wire::AppendBytes(message, 1, entry);
  const auto found = ParseListTopicSubscriptions(message);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->subscriptions.size(), 1U);
  const SubscriptionSpec& spec = found->subscriptions[0];
  EXPECT_EQ(spec.pubsub, "ps");
  EXPECT_EQ(spec.metadata.at("k"), "v");
  EXPECT_EQ(spec.rules.at(0).path, "/x");
  EXPECT_EQ(spec.default_route, "/d");
  EXPECT_EQ(spec.dead_letter_topic, "dead");
  EXPECT_TRUE(spec.bulk.enabled);
  EXPECT_EQ(spec.bulk.max_messages_count, 5);
  EXPECT_FALSE(ParseListTopicSubscriptions(message.substr(0, message.size() - 2)));
  EXPECT_TRUE(ParseListTopicSubscriptions("")->subscriptions.empty());
}

TEST(Merge, OwnReplaceDeclared) {
  const auto spec = [](std::string topic, std::string path, std::string origin) {
    SubscriptionSpec out;
    out.pubsub = "ps";
    out.topic = std::move(topic);
    out.default_route = std::move(path);
    out.origin = std::move(origin);
    return out;
  };
  std::vector<std::string> left_out;
  const auto merged = MergeSubscriptions(
      {spec("a", "/1", "d1"), spec("a", "/2", "d2"), spec("b", "/b", "d3")},
      {spec("b", "/own", "o1"), spec("c", "/c1", "o2"), spec("c", "/c2", "o3")}, left_out);
  ASSERT_EQ(merged.size(), 3U);
  EXPECT_EQ(merged[0].default_route, "/1");
  EXPECT_EQ(merged[1].default_route, "/own");
  EXPECT_EQ(merged[2].default_route, "/c2");
  EXPECT_EQ(left_out.size(), 3U);
}

class CacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/discovery-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static DiscoveryCache Open(const std::string& folder, const std::string& app_id) {
    auto file = OpenDiscoveryFile(folder, app_id);
    EXPECT_TRUE(file) << file.error().message;
    return DiscoveryCache(std::move(*file));
  }
  static async::Task<void> LoadInto(const DiscoveryCache& cache,
                                    std::optional<base::Result<RememberedAnswers>>& out) {
    const async::Context context;
    out = co_await cache.Load(context);
  }
  static async::Task<void> StoreInto(const DiscoveryCache& cache, const RememberedAnswers& answers,
                                     base::Status& out) {
    const async::Context context;
    out = co_await cache.Store(context, answers);
  }
  // A file never waits, so all is done when the task has been spawned.
  static base::Result<RememberedAnswers> Load(const DiscoveryCache& cache) {
    std::optional<base::Result<RememberedAnswers>> out;
    async::Gate gate;
    gate.Spawn(LoadInto(cache, out));
    return *out;
  }
  static base::Status Store(const DiscoveryCache& cache, const RememberedAnswers& answers) {
    base::Status out = base::Fail(base::Kind::kInternal, "not done");
    async::Gate gate;
    gate.Spawn(StoreInto(cache, answers, out));
    return out;
  }
  std::string folder_;
};

TEST_F(CacheTest, RemembersAndReplaces) {
  const auto cache = Open(folder_ + "/new", "app");
  EXPECT_EQ(Load(cache).error().kind, base::Kind::kNotFound);
  const RememberedAnswers first{
      .config = "{}", .subscriptions = std::string("\0\xff", 2), .grpc = true};
  ASSERT_TRUE(Store(cache, first));
  EXPECT_EQ(*Load(cache), first);
  const RememberedAnswers second{.config = std::nullopt, .subscriptions = "[]", .grpc = false};
  ASSERT_TRUE(Store(cache, second));
  EXPECT_EQ(*Load(cache), second);
  struct stat info{};
  ASSERT_EQ(stat(cache.where().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ + "/new"), {}), 1);
}

TEST_F(CacheTest, DamagedFilesAreRefused) {
  const auto cache = Open(folder_, "app");
  for (const char* bad : {"", "{", "[]", R"({"format":2})", R"({"format":1,"config":"*"})",
                          R"({"format":1,"subscriptions":7})"}) {
    std::ofstream(cache.where()) << bad;
    const auto got = Load(cache);
    ASSERT_FALSE(got) << bad;
    EXPECT_NE(got.error().kind, base::Kind::kNotFound) << bad;
    EXPECT_NE(got.error().message.find(cache.where()), std::string::npos) << got.error().message;
  }
}

TEST_F(CacheTest, AppIdsStayInTheFolder) {
  EXPECT_EQ(Open(folder_, "../x/y").where().find("/../"), std::string::npos);
  EXPECT_FALSE(OpenDiscoveryFile(folder_ + "/no/such/parent", "app"));
  EXPECT_FALSE(DiscoveryCache().enabled());
}

}  // namespace
}  // namespace blocks::pubsub
