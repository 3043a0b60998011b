// Subscriptions and streams while what there is changes.
#include <algorithm>

#include "blocks/pubsub/stream_subscription.hpp"
#include "blocks/pubsub/subscription_manager_fixture.hpp"

namespace blocks::pubsub {
namespace {

using contracts::TargetState;

TEST_F(ManagerTest, ChangedWishesSwapNewBeforeOld) {
  Make({});
  SubscriptionSpec plain = Spec("a", "/a");
  Home([&] { manager_->SetProgrammatic({plain, Spec("gone", "/gone")}); });
  Noted("gone subscribe");
  Target(TargetState::kReady);
  // Another route is no other subscription.
  plain.default_route = "/other";
  Home([&] { manager_->SetProgrammatic({plain}); });
  Noted("gone close");
  EXPECT_EQ(Count("a subscribe"), 1);
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_EQ(target_.sent(), std::vector<std::string>{R"(/other {"id":"1"})"});
  // Other settings are.
  plain.metadata["k"] = "v";
  Home([&] { manager_->SetProgrammatic({plain}); });
  Noted("a close");
  const auto notes = broker_->notes();
  EXPECT_LT(std::find(notes.begin(), notes.end(), "a+ subscribe"),
            std::find(notes.begin(), notes.end(), "a close"));
  ASSERT_EQ(manager_->List().size(), 1U);
  EXPECT_EQ(manager_->List()[0].metadata.at("k"), "v");
}

TEST_F(ManagerTest, OtherBrokersStandBeforeTheOldOnesGo) {
  Make({Spec("a", "/a"), Spec("b", "/b")});
  Noted("b subscribe");
  Target(TargetState::kReady);
  const auto made = [&](const std::shared_ptr<ScriptedPubSub>& broker) {
    NamedPubSub named;
    named.name = "ps";
    named.pubsub = broker;
    return std::make_shared<PublishBlock>(PublishBlock::Options{
        .pubsubs = {named}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
  };
  const auto set = [&](std::vector<SubscriptionSpec> specs) {
    loops_.RunTaskOn(0, [&] { return manager_->SetResources(std::move(specs), publish_); });
  };
  // The same broker in another block: nothing happens but to what is new or gone.
  publish_ = made(broker_);
  set({Spec("a", "/a"), Spec("c", "/c")});
  EXPECT_EQ(Count("c subscribe"), 1);
  EXPECT_EQ(Count("b close"), 0);
  Home([&] { manager_->EndReplaced(); });
  Noted("b close");
  EXPECT_EQ(Count("a subscribe"), 1);

  const auto other = std::make_shared<ScriptedPubSub>();
  publish_ = made(other);
  set({Spec("a", "/a"), Spec("c", "/c")});
  EXPECT_EQ(other->notes().size(), 2U) << base::Join(other->notes(), "; ");
  broker_->Hand("a", R"({"id":"1"})");  // goes on until it is told to end
  Until([&] { return target_.sent().size() == 1; });
  EXPECT_EQ(Count("a close"), 0);
  Home([&] { manager_->EndReplaced(); });
  Noted("a close");
  Noted("c close");
}

TEST_F(ManagerTest, AStreamThatBeginsAtABrokerThatHasGoneEnds) {
  struct Client final : StreamSubscription::Client {
    async::Task<base::Status> Send(const async::Context&, std::string) override {
      co_return base::Status();
    }
    void End() override { ended = true; }
    std::atomic<bool> ended{false};
  };
  Make({});
  const auto before = publish_;
  const auto begin = [&](const PublishBlock& block, Client& client) {
    auto stream = std::make_shared<StreamSubscription>(Spec("t", ""),
                                                       manager_->EndOf(block, "ps", "t"), client);
    loops_.RunOn(1, [&] { EXPECT_TRUE(manager_->AddStream(stream)); });
    return stream;
  };
  const auto end = [&](std::shared_ptr<StreamSubscription> stream) {
    loops_.RunOn(1, [&] { manager_->RemoveStream(stream.get()); });
    loops_.RunTaskOn(1, [&] { return stream->Close(); });
    Home([] {});  // whatever was under way there has let go of it
    loops_.RunOn(1, [&] { stream.reset(); });
  };
  Client stays;
  auto stream = begin(*before, stays);
  Home([] {});
  EXPECT_FALSE(stays.ended);
  NamedPubSub named;
  named.name = "ps";
  named.pubsub = std::make_shared<ScriptedPubSub>();
  publish_ = std::make_shared<PublishBlock>(PublishBlock::Options{
      .pubsubs = {named}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
  loops_.RunTaskOn(0, [&] { return manager_->SetResources({}, publish_); });
  Home([&] { manager_->EndReplaced(); });
  Until([&] { return stays.ended.load(); });
  end(std::move(stream));
  Client late;
  stream = begin(*before, late);
  Until([&] { return late.ended.load(); });
  end(std::move(stream));
}

TEST_F(ManagerTest, ABrokerInMemoryIsEmptiedBeforeItGoes) {
  broker_->keeps = false;
  Make({Spec("a", "/a")}, config::AppWake::kProbe);
  Noted("a subscribe");
  Target(TargetState::kReady);
  Noted("a resume");
  Target(TargetState::kUnavailable);
  broker_->Hand("a", R"({"id":"1"})");
  Until([&] { return manager_->pending() == 1; });
  publish_ = std::make_shared<PublishBlock>(
      PublishBlock::Options{.pubsubs = {}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
  loops_.RunTaskOn(0, [&] { return manager_->SetResources({}, publish_); });
  Home([&] { manager_->EndReplaced(); });
  EXPECT_EQ(Count("a close"), 0);
  Target(TargetState::kReady);
  Noted("a done");
  Noted("a close");
  EXPECT_EQ(Count("a return"), 0);
}

TEST_F(ManagerTest, StopsWhileANewFormDoesNotStand) {
  SubscriptionSpec spec = Spec("a", "/a");
  Make({});
  Home([&] { manager_->SetProgrammatic({spec}); });
  Noted("a subscribe");
  broker_->Refuse(true);
  spec.metadata["k"] = "v";
  Home([&] { manager_->SetProgrammatic({spec}); });
  Noted("a refused");
  Stop();
  EXPECT_EQ(Count("a close"), 1);
}

TEST_F(ManagerTest, StopsWhileSeveralNewOnesDoNotStand) {
  Make({});
  Home([&] { manager_->SetProgrammatic({Spec("a", "/a")}); });
  Noted("a subscribe");
  broker_->Refuse(true);
  Home([&] { manager_->SetProgrammatic({Spec("b", "/b"), Spec("c", "/c"), Spec("d", "/d")}); });
  Noted("b refused");
  Stop();
  EXPECT_EQ(Count("a close"), 1);
}

}  // namespace
}  // namespace blocks::pubsub
