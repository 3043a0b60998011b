// For tests of SubscriptionManager: a broker and an app that do as the test says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "blocks/pubsub/inbound_policy.hpp"
#include "blocks/pubsub/subscription_manager.hpp"
#include "http/body.hpp"

namespace blocks::pubsub {

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
      const contracts::Verdict verdict = co_await handler_.Handle(
          call,
          {.topic = request_.topic, .data = std::move(data), .content_type = {}, .metadata = {}});
      Note(verdict == contracts::Verdict::kDone     ? "done"
           : verdict == contracts::Verdict::kFailed ? "failed"
                                                    : "return");
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
    const std::string note = base::StrCat(topic, request.metadata.empty() ? "" : "+", " subscribe");
    auto sub = std::make_unique<Sub>(*this, std::move(request), handler);
    // Whoever sees the note may hand it something.
    std::lock_guard lock(mutex_);
    last_[topic] = {sub.get(), async::Loop::Current()};
    notes_.push_back(note);
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
  contracts::TargetState state() const override { return contracts::TargetState::kReady; }
  void ReportUnavailable() override { ++refusals; }
  async::Task<base::Result<contracts::AppResponse>> Send(const async::Context& context,
                                                         http::RequestHead head, http::Body* body,
                                                         http::InterimObserver*) override {
    int status = 200;
    if (head.method == "GET") {
      ++questions;
      status = question;
    } else {
      std::lock_guard lock(mutex_);
      sent_.push_back(base::StrCat(head.target, " ", body->Whole().value_or("")));
      const bool soon = context.deadline < async::Clock::now() + std::chrono::seconds(30);
      limited_ += context.deadline == async::kForever ? '!' : soon ? '+' : '-';
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
  // Of each call: + for the policy's deadline, - for a later one, ! for none.
  std::string limited() {
    std::lock_guard lock(mutex_);
    return limited_;
  }
  std::atomic<int> refusals{0};
  std::atomic<int> questions{0};   // whether it is there
  std::atomic<int> question{404};  // what it says to them, as in Answer

 private:
  std::mutex mutex_;
  std::deque<int> answers_;
  std::vector<std::string> sent_;
  std::string limited_;
};

inline SubscriptionSpec Spec(std::string topic, std::string route) {
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
    named.inbound = &inbound_;
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
  void Target(contracts::TargetState state) {
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

  // A timeout, `retries` of them, and a breaker that opens at so many failures.
  void UsePolicy(int retries, const char* trip) {
    auto policy = std::make_shared<resiliency::Policy>();
    policy->target = "Pubsub_ps";
    policy->timeout = std::chrono::seconds(20);
    policy->retry = std::make_shared<const resiliency::RetryPolicy>(
        resiliency::RetryPolicy{.duration = std::chrono::milliseconds(1), .max_retries = retries});
    auto spec = resiliency::ParseBreaker("b", {.trip = trip});
    policy->breaker = std::make_shared<resiliency::Breaker>(
        std::make_shared<const resiliency::BreakerSpec>(*spec));
    inbound_.Set(std::move(policy));
  }

  async::LoopGroup loops_{2};
  InboundPolicy inbound_;
  ScriptedTarget target_;
  std::shared_ptr<ScriptedPubSub> broker_ = std::make_shared<ScriptedPubSub>();
  std::shared_ptr<PublishBlock> publish_;
  std::shared_ptr<SubscriptionManager> manager_;
};

}  // namespace blocks::pubsub
