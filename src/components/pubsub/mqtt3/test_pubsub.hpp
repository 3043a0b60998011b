// For tests: started components at a TestBroker and a handler that answers as it is told.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "components/mqtt/test_session.hpp"
#include "components/pubsub/mqtt3/broker.hpp"

namespace components::pubsub::mqtt3::testing {

using contracts::Call;
using contracts::Verdict;
using mqtt::testing::Patient;
using mqtt::testing::Play;
using mqtt::testing::TestBroker;
using mqtt::testing::Within;
using Entries = std::vector<config::Properties::Entry>;

class Handler final : public contracts::MessageHandler {
 public:
  /// Answers done while `held` is not set, else as soon as it is Released, and kReturn if canceled.
  async::Task<Verdict> Handle(const Call& call, contracts::Message message) override {
    const Verdict verdict = judge ? judge(message) : Verdict::kDone;
    messages.push_back(std::move(message));
    news.Pulse();
    if (held) co_await released_.Wait(call);
    if (call.canceled()) co_return Verdict::kReturn;
    co_return verdict;
  }
  async::Task<std::vector<Verdict>> HandleBatch(const Call&,
                                                std::vector<contracts::Message> all) override {
    ADD_FAILURE() << "the component has no batches";
    co_return std::vector<Verdict>(all.size(), Verdict::kFailed);
  }
  void Release() {
    held = false;
    released_.Pulse();
  }
  async::Task<void> Await(std::size_t count) {
    const async::Context patient = Patient();
    while (messages.size() < count) {
      if (co_await news.Wait(patient) != async::Wake::kReady) break;
    }
    EXPECT_EQ(messages.size(), count);
  }
  std::vector<std::string> data() const {
    std::vector<std::string> out;
    for (const auto& message : messages) out.push_back(message.data);
    return out;
  }

  std::vector<contracts::Message> messages;
  std::function<Verdict(const contracts::Message&)> judge;
  bool held = false;
  async::Event news;

 private:
  async::Event released_;
};

inline async::Task<base::Status> Start(Broker& broker, Entries entries) {
  const config::Properties properties("test", std::move(entries));
  const Call call(Patient());
  co_return co_await broker.Init(
      call, {.name = "test", .type = "pubsub.mqtt3", .version = "v1", .properties = properties});
}
/// A started component; to be ended with End.
inline async::Task<std::unique_ptr<Broker>> Launch(const TestBroker& server, const std::string& id,
                                                   Entries more = {}) {
  auto broker = std::make_unique<Broker>();
  more.insert(more.end(), {{"url", server.url()}, {"consumerID", id}});
  const base::Status status = co_await Start(*broker, std::move(more));
  EXPECT_TRUE(status) << status.error().message;
  co_return broker;
}
inline async::Task<void> End(std::unique_ptr<Broker>& broker) {
  const Call call(Patient());
  co_await broker->Close(call);
  broker.reset();
}
inline async::Task<std::unique_ptr<contracts::Subscription>> Subscribe(
    Broker& broker, Handler& handler, const std::string& topic, contracts::Metadata metadata = {}) {
  const Call call(Patient());
  auto subscribed = co_await broker.Subscribe(
      call, {.topic = topic, .metadata = std::move(metadata), .bulk = {}}, handler);
  EXPECT_TRUE(subscribed) << subscribed.error().message;
  if (!subscribed) co_return nullptr;
  co_return std::move(*subscribed);
}
inline async::Task<void> End(std::unique_ptr<contracts::Subscription>& subscription) {
  const Call call(Within(std::chrono::milliseconds(200)));
  co_await subscription->Close(call);
  subscription.reset();
}
inline async::Task<base::Status> Publish(Broker& broker, std::string topic, std::string data,
                                         contracts::Metadata metadata = {}) {
  const Call call(Patient());
  co_return co_await broker.Publish(call, {.topic = std::move(topic),
                                           .data = std::move(data),
                                           .content_type = {},
                                           .metadata = std::move(metadata)});
}

}  // namespace components::pubsub::mqtt3::testing
