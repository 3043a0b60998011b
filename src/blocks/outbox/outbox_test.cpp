#include "blocks/outbox/outbox.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "async/loop_group.hpp"
#include "blocks/outbox/event.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/state/map_store_test.hpp"
#include "blocks/state/state_block.hpp"

namespace blocks::outbox {
namespace {

using contracts::Call;
using contracts::Verdict;
using std::chrono::milliseconds;

// Keeps what is published; the test hands it to the subscriber when it likes.
class Broker final : public contracts::PubSub {
 public:
  class Sub final : public contracts::Subscription {
   public:
    void Pause() override {}
    void Resume() override {}
    async::Task<void> Close(const Call&) override { co_return; }
  };
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return 0; }
  async::Task<base::Status> Publish(const Call&, contracts::PublishRequest request) override {
    if (refuse == request.topic) co_return base::Fail(base::Kind::kUnavailable, "broken");
    topics[request.topic].push_back(std::move(request.data));
    co_return base::Status();
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const Call&, contracts::SubscribeRequest request, contracts::MessageHandler& h) override {
    if (refuse == request.topic) co_return base::Fail(base::Kind::kUnavailable, "broken");
    subscribed = request.topic;
    handler = &h;
    co_return std::make_unique<Sub>();
  }

  std::map<std::string, std::vector<std::string>> topics;
  std::string refuse;
  std::string subscribed;
  contracts::MessageHandler* handler = nullptr;
};

// A store whose transactions the test can make fail, before or after they have happened.
class Store final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return contracts::kStateTransactional; }
  async::Task<base::Result<contracts::GetResponse>> Get(const Call& call,
                                                        contracts::GetRequest request) override {
    if (broken) co_return base::Fail(base::Kind::kUnavailable, "the store is away");
    co_return co_await rows.Get(call, std::move(request));
  }
  async::Task<base::Status> Set(const Call& call, contracts::SetRequest request) override {
    co_return co_await rows.Set(call, std::move(request));
  }
  async::Task<base::Status> Delete(const Call& call, contracts::DeleteRequest request) override {
    co_return co_await rows.Delete(call, std::move(request));
  }
  async::Task<base::Status> Multi(const Call& call,
                                  contracts::TransactionRequest request) override {
    if (answer.kind == base::Kind::kConflict) co_return base::Fail(answer);
    last = request.operations.size();
    auto done = co_await rows.Multi(call, std::move(request));
    if (answer.kind == base::Kind::kUnavailable) co_return base::Fail(answer);
    co_return done;
  }
  bool Has(const std::string& key) { return rows.GetNow({.key = key, .metadata = {}})->found; }

  state::MapStore rows;
  base::Error answer{base::Kind::kInternal, "none"};
  bool broken = false;
  std::size_t last = 0;
};

// One app with the store "st", the broker "ps" and an outbox from the one to the topic "orders".
struct Bench {
  explicit Bench(bool discard = false, std::string_view scopes = {}) {
    pubsub::NamedPubSub named{.name = "ps", .pubsub = broker};
    if (!scopes.empty()) {
      const config::Properties properties("ps", {{"publishingScopes", std::string(scopes)}});
      named.scopes = pubsub::Scopes::Make(properties, "app");
    }
    publish = std::make_shared<pubsub::PublishBlock>(
        pubsub::PublishBlock::Options{.pubsubs = {named}, .app_id = "app"});
    state::NamedStore entry{.name = "st", .store = store};
    entry.prefix = *state::KeyPrefix::Make("", "st", "app", "ns");
    entry.outbox = {.publish_pubsub = "ps",
                    .publish_topic = "orders",
                    .pubsub = "ps",
                    .discard_when_missing = discard};
    lane = std::make_unique<Lane>(Lane::Options{.app_id = "app",
                                                .app_namespace = "ns",
                                                .store_name = "st",
                                                .store = store,
                                                .settings = entry.outbox,
                                                .publish = publish,
                                                .waits = {.first = milliseconds(5),
                                                          .longest = milliseconds(10),
                                                          .total = milliseconds(50),
                                                          .subscription = milliseconds(50)}});
    entry.hook = lane.get();
    block = std::make_unique<state::StateBlock>(std::vector{entry}, "app");
  }
  async::Task<base::Status> Run(std::vector<state::TransactionItem> items) {
    const Call call;
    state::TransactionBody body;
    body.operations = std::move(items);
    co_return co_await block->Transaction(call, "st", std::move(body));
  }
  static state::TransactionItem Upsert(std::string key, std::string value,
                                       contracts::Metadata metadata = {}) {
    state::TransactionItem item{.operation = "upsert", .request = {}};
    item.request.key = std::move(key);
    item.request.value = std::move(value);
    item.request.metadata = std::move(metadata);
    return item;
  }
  async::Task<Verdict> Deliver(std::string data, async::CancelToken* cancel = nullptr) {
    const Call call(async::Context(async::kForever, cancel));
    contracts::Message message;
    message.topic = kTopic;
    message.data = std::move(data);
    co_return co_await broker->handler->Handle(call, std::move(message));
  }
  const std::vector<std::string>& told() { return broker->topics[kTopic]; }
  const std::vector<std::string>& published() { return broker->topics["orders"]; }
  bool HasMarkers() {
    return std::ranges::any_of(told(), [this](const auto& e) { return store->Has(*IdOf(e)); });
  }
  static constexpr const char* kTopic = "nsappordersoutbox";

  std::shared_ptr<Broker> broker = std::make_shared<Broker>();
  std::shared_ptr<Store> store = std::make_shared<Store>();
  std::shared_ptr<pubsub::PublishBlock> publish;
  std::unique_ptr<Lane> lane;
  std::unique_ptr<state::StateBlock> block;
};

async::Task<void> Use(Bench& bench, async::Task<void> (*test)(Bench&)) {
  bench.lane->Start();
  co_await test(bench);
  const async::Context context;
  co_await bench.lane->Close(context);
}
void Play(Bench& bench, async::Task<void> (*test)(Bench&)) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [&] { return Use(bench, test); });
}

TEST(Outbox, WhatIsStoredIsPublishedAndItsMarkerGoes) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        EXPECT_EQ(b.broker->subscribed, Bench::kTopic);
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1"));
        items.push_back({.operation = "delete", .request = {}});
        items.back().request.key = "gone";
        items.push_back(Bench::Upsert("b", "2", {{"type", "mine"}}));
        EXPECT_TRUE(co_await b.Run(std::move(items)));
        EXPECT_TRUE(b.store->Has("app||a") && b.store->Has("app||b"));
        EXPECT_EQ(b.store->last, 5U);  // and a marker for each upsert
        EXPECT_EQ(b.told().size(), 2U);
        EXPECT_TRUE(b.published().empty());
        for (const std::string& event : std::vector(b.told())) {
          EXPECT_TRUE(b.store->Has(*IdOf(event)));
          EXPECT_EQ(co_await b.Deliver(event), Verdict::kDone);
          EXPECT_FALSE(b.store->Has(*IdOf(event)));
          // Brokers may bring a message twice.
          EXPECT_EQ(co_await b.Deliver(event), Verdict::kDone);
        }
        EXPECT_EQ(b.published().size(), 2U);
        if (b.published().size() != 2) co_return;
        const auto event = pubsub::CloudEvent::Parse(b.published()[1]);
        EXPECT_EQ(event->String("topic"), "orders");
        EXPECT_EQ(event->String("pubsubname"), "ps");
        EXPECT_EQ(event->String("data"), "2");
        EXPECT_EQ(event->String("type"), "mine");
        EXPECT_EQ(event->String("id"), *IdOf(b.told()[1]));
      });
}

TEST(Outbox, DeletesAndProjectionsAloneTellNothing) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1", {{"outbox.projection", "true"}}));
        EXPECT_TRUE(co_await b.Run(std::move(items)));
        EXPECT_FALSE(b.store->Has("app||a"));
        std::vector<state::TransactionItem> deletes;
        deletes.push_back({.operation = "delete", .request = {}});
        deletes.back().request.key = "a";
        EXPECT_TRUE(co_await b.Run(std::move(deletes)));
        EXPECT_TRUE(b.told().empty());
      });
}

TEST(Outbox, AProjectionIsPublishedInsteadOfWhatIsStored) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "stored"));
        items.push_back(Bench::Upsert("a", "told", {{"outbox.projection", "1"}}));
        EXPECT_TRUE(co_await b.Run(std::move(items)));
        EXPECT_EQ(b.store->rows.GetNow({.key = "app||a", .metadata = {}})->data, "stored");
        EXPECT_EQ(b.told().size(), 1U);
        if (b.told().size() != 1) co_return;
        EXPECT_EQ(pubsub::CloudEvent::Parse(b.told()[0])->String("data"), "told");
      });
}

TEST(Outbox, ATransactionThatFailedPublishesNothing) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        b.store->answer = base::Error(base::Kind::kConflict, "other etag");
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1"));
        EXPECT_FALSE(co_await b.Run(std::move(items)));
        EXPECT_EQ(b.told().size(), 1U);
        EXPECT_EQ(co_await b.Deliver(b.told()[0]), Verdict::kDone);
        EXPECT_TRUE(b.published().empty());
      });
}

// The store has done it, but its answer was lost.
TEST(Outbox, AnAnswerThatIsLostIsLookedUp) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        b.store->answer = base::Error(base::Kind::kUnavailable, "connection broke");
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1"));
        EXPECT_FALSE(co_await b.Run(std::move(items)));
        EXPECT_EQ(co_await b.Deliver(b.told()[0]), Verdict::kDone);
        EXPECT_EQ(b.published().size(), 1U);
        EXPECT_FALSE(b.HasMarkers());
      });
}

TEST(Outbox, NoTransactionWithoutItsMessage) {
  for (const bool topic : {true, false}) {
    Bench bench(false, topic ? "" : "app=other");
    if (topic) bench.broker->refuse = "";
    Play(
        bench, +[](Bench& b) -> async::Task<void> {
          if (!b.broker->subscribed.empty()) b.broker->refuse = Bench::kTopic;
          std::vector<state::TransactionItem> items;
          items.push_back(Bench::Upsert("a", "1"));
          const auto status = co_await b.Run(std::move(items));
          EXPECT_FALSE(status);
          if (status) co_return;
          EXPECT_EQ(status.error().id, base::ErrorId::kPubsubOutbox);
          EXPECT_TRUE(
              status.error().message.starts_with("error while publishing outbox message: "));
          EXPECT_FALSE(b.store->Has("app||a"));
        });
  }
}

TEST(Outbox, NoTransactionBeforeItsTopicIsSubscribed) {
  Bench bench;
  bench.broker->refuse = Bench::kTopic;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        b.broker->refuse = "nothing";
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1"));
        EXPECT_FALSE(co_await b.Run(std::move(items)));
        EXPECT_FALSE(b.store->Has("app||a"));
      });
}

std::string Foreign(std::string_view id) {
  return base::StrCat(R"({"data":"x","id":")", id, R"("})");
}

TEST(Outbox, MessagesOfARuntimeThatWasKilled) {
  for (const bool discard : {false, true}) {
    Bench bench(discard);
    contracts::SetRequest marker{.key = "outbox-there", .value = "\"0\"", .json = true};
    ASSERT_TRUE(bench.store->rows.SetNow(std::move(marker)));
    Play(bench, discard ? +[](Bench& b) -> async::Task<void> {
      EXPECT_EQ(co_await b.Deliver(Foreign("outbox-none")), Verdict::kDone);
      EXPECT_EQ(co_await b.Deliver(Foreign("outbox-there")), Verdict::kDone);
      EXPECT_EQ(b.published().size(), 1U);
      // A store that is away is no missing row.
      b.store->broken = true;
      EXPECT_EQ(co_await b.Deliver(Foreign("outbox-none")), Verdict::kFailed);
    } : +[](Bench& b) -> async::Task<void> {
      EXPECT_EQ(co_await b.Deliver(Foreign("outbox-none")), Verdict::kFailed);
      EXPECT_EQ(co_await b.Deliver(Foreign("outbox-there")), Verdict::kDone);
      EXPECT_EQ(b.published().size(), 1U);
      EXPECT_FALSE(b.store->Has("outbox-there"));
      EXPECT_EQ(co_await b.Deliver("no event"), Verdict::kDone);
    });
  }
}

TEST(Outbox, WhatCannotBePublishedStays) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        std::vector<state::TransactionItem> items;
        items.push_back(Bench::Upsert("a", "1"));
        EXPECT_TRUE(co_await b.Run(std::move(items)));
        b.broker->refuse = "orders";
        EXPECT_EQ(co_await b.Deliver(b.told()[0]), Verdict::kFailed);
        EXPECT_TRUE(b.HasMarkers());
        b.broker->refuse = "";
        EXPECT_EQ(co_await b.Deliver(b.told()[0]), Verdict::kDone);
        EXPECT_EQ(b.published().size(), 1U);
        EXPECT_FALSE(b.HasMarkers());
      });
}

TEST(Outbox, AnEndingSubscriptionHandsBack) {
  Bench bench;
  Play(
      bench, +[](Bench& b) -> async::Task<void> {
        async::CancelToken cancel;
        cancel.Cancel();
        EXPECT_EQ(co_await b.Deliver(Foreign("outbox-none"), &cancel), Verdict::kReturn);
      });
}

TEST(OutboxLedger, ForgetsTheOldest) {
  Ledger ledger(2);
  ledger.Add("a");
  ledger.Add("b");
  ledger.Set("a", Progress::kCommitted);
  ledger.Add("c");
  EXPECT_EQ(ledger.Get("a"), Progress::kUnknown);
  EXPECT_EQ(ledger.Get("b"), Progress::kPending);
  ledger.Set("a", Progress::kDone);
  EXPECT_EQ(ledger.Get("a"), Progress::kUnknown);
}

TEST(OutboxLedger, WaitsForTheStoresAnswer) {
  async::LoopGroup loops(2);
  Ledger ledger;
  ledger.Add("a");
  loops.at(1).Post([&] { ledger.Set("a", Progress::kCommitted); });
  loops.RunTaskOn(0, [&] {
    return [](Ledger& l) -> async::Task<void> {
      const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
      EXPECT_EQ(co_await l.Settled(context, "a"), Progress::kCommitted);
      EXPECT_EQ(co_await l.Settled(context, "b"), Progress::kUnknown);
    }(ledger);
  });
}

}  // namespace
}  // namespace blocks::outbox
