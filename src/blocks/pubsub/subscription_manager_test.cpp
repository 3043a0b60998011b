#include "blocks/pubsub/subscription_manager.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "http/body.hpp"

namespace blocks::pubsub {
namespace {

using contracts::TargetState;
using contracts::Verdict;

// A broker on which the test plays the messages. Notes what happens to its subscriptions.
class ScriptedPubSub final : public contracts::PubSub {
 public:
  class Sub final : public contracts::Subscription {
   public:
    Sub(ScriptedPubSub& broker, contracts::SubscribeRequest request,
        contracts::MessageHandler& handler)
        : broker_(broker), request_(std::move(request)), handler_(handler) {}
    void Pause() override { Note("pause"); }
    void Resume() override { Note("resume"); }
    async::Task<void> Close(const contracts::Call& call) override {
      Note("close");
      if (!co_await gate_.Close(call)) cancel_.Cancel();
      const async::Context patient;
      co_await gate_.Close(patient);
    }
    void Hand(std::string data) { gate_.Spawn(HandOne(std::move(data))); }

   private:
    async::Task<void> HandOne(std::string data) {
      const contracts::Call call(async::Context(async::kForever, &cancel_));
      const Verdict verdict = co_await handler_.Handle(
          call,
          {.topic = request_.topic, .data = std::move(data), .content_type = {}, .metadata = {}});
      Note(verdict == Verdict::kDone ? "done" : verdict == Verdict::kFailed ? "failed" : "return");
    }
    void Note(std::string_view what) {
      broker_.Note(base::StrCat(request_.topic, request_.metadata.empty() ? "" : "+", " ", what));
    }
    ScriptedPubSub& broker_;
    const contracts::SubscribeRequest request_;
    contracts::MessageHandler& handler_;
    async::CancelToken cancel_;
    async::Gate gate_;
  };

  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return 0; }
  async::Task<base::Status> Publish(const contracts::Call&,
                                    contracts::PublishRequest request) override {
    Note(base::StrCat("published ", request.topic, " ", request.data));
    co_return base::Status();
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call&, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override {
    const std::string topic = request.topic;
    if (refuse_) {
      Note(base::StrCat(topic, " refused"));
      co_return base::Fail(base::Kind::kUnavailable, "as the test wants");
    }
    Note(base::StrCat(topic, request.metadata.empty() ? "" : "+", " subscribe"));
    auto sub = std::make_unique<Sub>(*this, std::move(request), handler);
    std::lock_guard lock(mutex_);
    last_[topic] = {sub.get(), async::Loop::Current()};
    co_return sub;
  }

  void Hand(const std::string& topic, std::string data) {
    std::lock_guard lock(mutex_);
    const auto [sub, loop] = last_.at(topic);
    loop->Post([sub, data = std::move(data)]() mutable { sub->Hand(std::move(data)); });
  }
  void Refuse(bool refuse) { refuse_ = refuse; }
  bool keeps_messages() const override { return keeps; }
  bool keeps = true;
  void Note(std::string text) {
    std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }
  std::vector<std::string> notes() {
    std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<Sub*, async::Loop*>> last_;
  std::vector<std::string> notes_;
  std::atomic<bool> refuse_{false};
};

// An app that answers what it was told to; the last answer stays.
class ScriptedTarget final : public contracts::AppTarget {
 public:
  contracts::AppProtocol protocol() const override { return contracts::AppProtocol::kHttp; }
  bool configured() const override { return true; }
  TargetState state() const override { return TargetState::kReady; }
  void ReportUnavailable() override { ++refusals; }
  async::Task<base::Result<contracts::AppResponse>> Send(const async::Context&,
                                                         http::RequestHead head, http::Body* body,
                                                         http::InterimObserver*) override {
    int status = 200;
    {
      std::lock_guard lock(mutex_);
      sent_.push_back(base::StrCat(head.target, " ", body->Whole().value_or("")));
      if (!answers_.empty()) {
        status = answers_.front();
        if (answers_.size() > 1) answers_.pop_front();
      }
    }
    if (status == -1) co_return base::Fail(base::Kind::kUnreachable, "refused");
    if (status == -2) co_return base::Fail(base::Kind::kUnavailable, "broken");
    contracts::AppResponse response;
    response.response.head.status = status;
    response.response.body = std::make_unique<http::StringBody>();
    co_return response;
  }
  void Answer(std::deque<int> answers) {
    std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  std::vector<std::string> sent() {
    std::lock_guard lock(mutex_);
    return sent_;
  }
  std::atomic<int> refusals{0};

 private:
  std::mutex mutex_;
  std::deque<int> answers_;
  std::vector<std::string> sent_;
};

SubscriptionSpec Spec(std::string topic, std::string route) {
  SubscriptionSpec spec;
  spec.pubsub = "ps";
  spec.topic = std::move(topic);
  spec.default_route = std::move(route);
  spec.origin = "test";
  return spec;
}

class ManagerTest : public ::testing::Test {
 protected:
  void Make(std::vector<SubscriptionSpec> declared,
            config::AppWake wake = config::AppWake::kRequest) {
    NamedPubSub named;
    named.name = "ps";
    named.pubsub = broker_;
    publish_ = std::make_shared<PublishBlock>(PublishBlock::Options{
        .pubsubs = {named}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
    auto manager = SubscriptionManager::Create(
        {.app_id = "app", .declared = std::move(declared), .wake = wake},
        {.loops = loops_, .target = target_, .publish = publish_, .log = telemetry::Log("test")});
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = std::move(*manager);
    Home([&] { manager_->Start(); });
  }
  void TearDown() override {
    if (manager_) Stop();
    loops_.Stop();
  }
  void Stop(async::Duration grace = std::chrono::milliseconds(200)) {
    loops_.RunTaskOn(0, [&] { return manager_->Stop(grace); });
  }
  void Home(std::move_only_function<void()> work) { loops_.RunOn(0, std::move(work)); }
  void Target(TargetState state) {
    Home([&] { manager_->OnTarget(state); });
  }
  int Count(std::string_view note) {
    const auto notes = broker_->notes();
    return static_cast<int>(std::count(notes.begin(), notes.end(), note));
  }
  void Until(const std::function<bool()>& check) {
    const auto deadline = async::Clock::now() + std::chrono::seconds(10);
    while (!check() && async::Clock::now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(check()) << base::Join(broker_->notes(), "; ");
  }
  void Noted(std::string_view note, int times = 1) {
    Until([&] { return Count(note) >= times; });
  }

  async::LoopGroup loops_{2};
  ScriptedTarget target_;
  std::shared_ptr<ScriptedPubSub> broker_ = std::make_shared<ScriptedPubSub>();
  std::shared_ptr<PublishBlock> publish_;
  std::shared_ptr<SubscriptionManager> manager_;
};

TEST_F(ManagerTest, PausedUntilTheAppIsThere) {
  Make({Spec("a", "/a"), Spec("b", "/b")}, config::AppWake::kProbe);
  Noted("a pause");
  Noted("b pause");
  EXPECT_TRUE(manager_->HasSubscriptions());
  broker_->Hand("a", R"({"id":"1"})");
  Until([&] { return manager_->pending() == 1; });
  EXPECT_TRUE(target_.sent().empty());
  Target(TargetState::kReady);
  Noted("a done");
  Noted("a resume");
  EXPECT_EQ(target_.sent(), std::vector<std::string>{R"(/a {"id":"1"})"});
  EXPECT_EQ(manager_->pending(), 0);
  Target(TargetState::kUnavailable);
  Noted("a pause", 2);
}

TEST_F(ManagerTest, WhatFindsNobodyIsHeldAndGoesBackAtTheEnd) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.dead_letter_topic = "dead";
  Make({spec}, config::AppWake::kProbe);
  Noted("a subscribe");
  Target(TargetState::kReady);
  Noted("a resume");
  target_.Answer({-1});
  broker_->Hand("a", R"({"id":"1"})");
  broker_->Hand("a", R"({"id":"2"})");
  Until([&] { return manager_->pending() == 2; });
  Target(TargetState::kUnavailable);
  Noted("a pause", 2);
  Stop();
  EXPECT_EQ(Count("a return"), 2);
  EXPECT_EQ(Count("a done") + Count("a failed"), 0);
  for (const std::string& note : broker_->notes()) EXPECT_FALSE(note.starts_with("published"));
}

TEST_F(ManagerTest, RefusedDeliveriesKnockOneByOne) {
  Make({Spec("a", "/a"), Spec("b", "/b")});
  Noted("b subscribe");
  Target(TargetState::kReady);
  Noted("b resume");
  target_.Answer({503, 503, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_GE(target_.refusals, 2);
  EXPECT_GE(Count("b pause"), 1);
  Noted("b resume", 2);
}

TEST_F(ManagerTest, BrokenConnectionsAreTriedAgainAndThenDead) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.dead_letter_topic = "dead";
  Make({spec});
  Noted("a subscribe");
  Target(TargetState::kReady);
  target_.Answer({-2, 200});
  broker_->Hand("a", R"({"id":"1"})");
  Noted("a done");
  EXPECT_EQ(target_.sent().size(), 2U);
  target_.Answer({-2});
  broker_->Hand("a", R"({"id":"2"})");
  Noted(R"(published dead {"id":"2"})");
  Noted("a done", 2);
}

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

TEST_F(ManagerTest, ListsWhatStands) {
  broker_->Refuse(true);
  Make({Spec("a", "/a")});
  Noted("a refused");
  EXPECT_TRUE(manager_->HasSubscriptions());
  EXPECT_TRUE(manager_->List().empty());
  broker_->Refuse(false);
  Noted("a subscribe");
  Until([&] { return manager_->List().size() == 1; });
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

TEST_F(ManagerTest, UndecodableMessagesFailOrAreDead) {
  SubscriptionSpec spec = Spec("b", "/b");
  spec.dead_letter_topic = "dead";
  Make({Spec("a", "/a"), spec});
  Noted("a subscribe");
  Noted("b subscribe");
  Target(TargetState::kReady);
  broker_->Hand("a", "no event");
  Noted("a failed");
  broker_->Hand("b", "no event");
  Noted("published dead no event");
  Noted("b done");
  EXPECT_TRUE(target_.sent().empty());
}

TEST_F(ManagerTest, WrongDeclaredRulesAreRefused) {
  SubscriptionSpec spec = Spec("a", "/a");
  spec.rules = {{"event.type ==", "/x"}};
  const auto publish = std::make_shared<PublishBlock>(
      PublishBlock::Options{.pubsubs = {}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
  const auto manager = SubscriptionManager::Create(
      {.app_id = "app", .declared = {spec}},
      {.loops = loops_, .target = target_, .publish = publish, .log = telemetry::Log("test")});
  EXPECT_FALSE(manager);
}

}  // namespace
}  // namespace blocks::pubsub
