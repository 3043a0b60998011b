// For tests: sessions at a TestBroker and a receiver that keeps what it gets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "components/mqtt/session.hpp"
#include "components/mqtt/test_broker.hpp"

namespace components::mqtt::testing {

inline async::Context Within(std::chrono::milliseconds time) {
  return async::Context(async::Loop::Current()->After(time));
}
inline async::Context Patient() {
  return Within(std::chrono::seconds(20));
}

class Collector final : public Receiver {
 public:
  void Deliver(MessagePtr message) override {
    messages.push_back(std::move(message));
    async::Loop::Current()->Post([news = news_] { news->Pulse(); });
  }
  /// Waits until so many have come.
  async::Task<void> Await(std::size_t count) {
    const async::Context patient = Patient();
    while (messages.size() < count) {
      if (co_await news_->Wait(patient) != async::Wake::kReady) break;
    }
    EXPECT_EQ(messages.size(), count);
  }
  std::vector<std::string> payloads() const {
    std::vector<std::string> out;
    for (const MessagePtr& message : messages) out.push_back(message->payload);
    return out;
  }
  std::vector<MessagePtr> messages;

 private:
  std::shared_ptr<async::Event> news_ = std::make_shared<async::Event>();
};

inline Settings SettingsFor(const std::string& url, const std::string& client_id) {
  auto settings = ReadSettings(config::Properties("test", {{"url", url}}), false);
  EXPECT_TRUE(settings) << settings.error().message;
  settings->client_id = client_id;
  return *settings;
}

/// A started session; to be ended with End.
inline async::Task<std::unique_ptr<Session>> Begin(Settings settings, Inbound::Limits limits = {}) {
  auto session = std::make_unique<Session>(std::move(settings), limits);
  const async::Context patient = Patient();
  const base::Status status = co_await session->Start(patient);
  EXPECT_TRUE(status) << status.error().message;
  co_return session;
}
inline async::Task<std::unique_ptr<Session>> Begin(const TestBroker& broker,
                                                   const std::string& client_id) {
  co_return co_await Begin(SettingsFor(broker.url(), client_id));
}
inline async::Task<void> End(std::unique_ptr<Session>& session) {
  const async::Context patient = Patient();
  co_await session->Close(patient);
  session.reset();
}

inline async::Task<std::shared_ptr<Collector>> Listen(Session& session, const std::string& filter,
                                                      uint8_t qos = 1) {
  auto collector = std::make_shared<Collector>();
  const async::Context patient = Patient();
  const base::Status status =
      co_await session.Subscribe(patient, *Filter::Parse(filter), qos, collector);
  EXPECT_TRUE(status) << status.error().message;
  co_return collector;
}
inline async::Task<base::Status> Say(Session& session, std::string topic, std::string payload,
                                     uint8_t qos = 1) {
  const async::Context patient = Patient();
  co_return co_await session.Publish(
      patient, {.topic = std::move(topic), .payload = std::move(payload), .qos = qos});
}
inline void SettleAll(Session& session, const std::shared_ptr<Collector>& collector,
                      std::size_t from = 0) {
  for (std::size_t i = from; i < collector->messages.size(); ++i) {
    session.Settle(collector, collector->messages[i]);
  }
}
/// Waits until the session has a connection, or has none.
inline async::Task<void> AwaitConnection(Session& session, bool there) {
  const async::Context patient = Patient();
  while (session.Check().has_value() != there) {
    const bool on_time = patient.deadline > async::Loop::Current()->now();
    EXPECT_TRUE(on_time);
    if (!on_time) co_return;
    co_await async::Sleep(patient, async::Loop::Current()->After(std::chrono::milliseconds(5)));
  }
}

inline void Play(std::move_only_function<async::Task<void>()> test) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, std::move(test));
}

}  // namespace components::mqtt::testing
