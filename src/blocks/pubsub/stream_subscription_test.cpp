// A stream's subscription against a broker that hands messages over when the test says so.
#include "blocks/pubsub/stream_subscription.hpp"

#include <gtest/gtest.h>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "blocks/pubsub/publish.hpp"

namespace blocks::pubsub {
namespace {

// What the caller has heard: I for initial_response, E for an event.
struct Caller final : StreamSubscription::Client {
  async::Task<base::Status> Send(const async::Context& context, std::string message) override {
    if (slow) co_await go.Wait(context);
    heard += message == std::string("\x0a\0", 2) ? 'I' : message[0] == '\x12' ? 'E' : '?';
    co_return base::Status();
  }
  void End() override { ended = true; }
  bool slow = false;
  bool ended = false;
  async::Event go;
  std::string heard;
};

// Hands over before it has answered that the subscription stands, as a broker does that kept
// messages for it.
class EagerPubSub final : public contracts::PubSub {
 public:
  class Sub final : public contracts::Subscription {
   public:
    explicit Sub(EagerPubSub& broker) : broker_(broker) {}
    void Pause() override {}
    void Resume() override {}
    async::Task<void> Close(const contracts::Call&) override { return broker_.End(); }

   private:
    EagerPubSub& broker_;
  };
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return 0; }
  async::Task<base::Status> Publish(const contracts::Call&, contracts::PublishRequest) override {
    co_return base::Status();
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call& call, contracts::SubscribeRequest,
      contracts::MessageHandler& handler) override {
    for (int i = 0; i < 3; ++i) gate.Spawn(Hand(handler, i));
    co_await async::Sleep(call, async::Loop::Current()->After(std::chrono::milliseconds(20)));
    co_return std::make_unique<Sub>(*this);
  }
  async::Task<void> Hand(contracts::MessageHandler& handler, int i) {
    const contracts::Call call(async::Context(async::kForever, &cancel));
    const auto verdict =
        co_await handler.Handle(call, {.topic = "a",
                                       .data = base::StrCat(R"({"id":")", i, R"("})"),
                                       .content_type = {},
                                       .metadata = {}});
    returned += verdict == contracts::Verdict::kReturn;
  }
  async::Task<void> End() {
    cancel.Cancel();
    const async::Context patient;
    co_await gate.Close(patient);
  }
  async::Gate gate;
  async::CancelToken cancel;
  int returned = 0;
};

struct World {
  World() {
    NamedPubSub named;
    named.name = "ps";
    named.pubsub = broker;
    publish = std::make_shared<PublishBlock>(PublishBlock::Options{
        .pubsubs = {named}, .app_id = "app", .metrics = nullptr, .tracer = nullptr});
    SubscriptionSpec spec;
    spec.pubsub = "ps";
    spec.topic = "a";
    MessageEnd::Options end{.publish = publish,
                            .pubsub = publish->Find("ps"),
                            .metrics = nullptr,
                            .log = &log,
                            .topic = "a"};
    stream = std::make_unique<StreamSubscription>(spec, std::move(end), caller);
  }
  async::Task<void> Open() {
    const async::Context patient;
    EXPECT_TRUE(co_await stream->Open(patient));
  }
  async::Task<void> OpenSlowly() {
    async::Gate gate;
    gate.Spawn(Open());
    const async::Context patient;
    co_await async::Sleep(patient, async::Loop::Current()->After(std::chrono::milliseconds(60)));
    EXPECT_EQ(caller.heard, "");
    caller.go.Set();
    co_await gate.Close(patient);
  }
  async::LoopGroup loops{1};
  telemetry::Log log{"test"};
  std::shared_ptr<EagerPubSub> broker = std::make_shared<EagerPubSub>();
  std::shared_ptr<const PublishBlock> publish;
  Caller caller;
  std::unique_ptr<StreamSubscription> stream;
};

TEST(StreamSubscription, TheCallerHearsThatItStandsBeforeAnyEvent) {
  World world;
  world.loops.RunTaskOn(0, [&] { return world.Open(); });
  EXPECT_EQ(world.caller.heard, "IEEE");
  world.loops.RunTaskOn(0, [&] { return world.stream->Close(); });
  EXPECT_EQ(world.broker->returned, 3);
}

TEST(StreamSubscription, EventsWaitForACallerWhoIsSlowToHearIt) {
  World world;
  world.caller.slow = true;
  world.loops.RunTaskOn(0, [&] { return world.OpenSlowly(); });
  EXPECT_EQ(world.caller.heard, "IEEE");
  world.loops.RunTaskOn(0, [&] { return world.stream->Close(); });
}

TEST(StreamSubscription, WhatWaitsForTheCallerGoesBackAtTheEnd) {
  World world;
  world.caller.slow = true;
  async::Gate gate;
  world.loops.RunOn(0, [&] { gate.Spawn(world.Open()); });
  world.loops.RunTaskOn(0, [&] { return world.stream->Close(); });
  world.caller.go.Set();
  world.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    return [](World& of, async::Gate& opening) -> async::Task<void> {
      const async::Context patient;
      co_await opening.Close(patient);
      co_await of.stream->Close();
    }(world, gate);
  });
  EXPECT_EQ(world.broker->returned, 3);
  EXPECT_EQ(world.caller.heard.find('E'), std::string::npos);
}

}  // namespace
}  // namespace blocks::pubsub
