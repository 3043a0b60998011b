// For tests: components of a test's broker, and a handler that remembers what it got.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/loop_group.hpp"
#include "base/uuid.hpp"
#include "components/kafka/test_broker.hpp"
#include "components/pubsub/kafka/broker.hpp"

namespace components::pubsub::kafka {

using contracts::Message;
using contracts::Verdict;
using std::chrono::milliseconds;
using Entries = std::vector<config::Properties::Entry>;

inline contracts::Call In(milliseconds time) {
  return contracts::Call(async::Context(async::Loop::Current()->After(time)));
}

/// Answers as `decide` says (done by default), holding everything while it is shut.
class Subscriber final : public contracts::MessageHandler {
 public:
  async::Task<Verdict> Handle(const contracts::Call& call, Message message) override {
    got.push_back(message);
    news.Pulse();
    while (shut && !call.canceled()) co_await open.Wait(call);
    if (call.canceled()) co_return Verdict::kReturn;
    co_return decide(message);
  }
  async::Task<std::vector<Verdict>> HandleBatch(const contracts::Call& call,
                                                std::vector<Message> messages) override {
    batches.push_back(messages.size());
    std::vector<Verdict> verdicts;
    for (Message& message : messages) verdicts.push_back(co_await Handle(call, std::move(message)));
    co_return verdicts;
  }
  void Open() {
    shut = false;
    open.Pulse();
  }
  /// Waits until so many messages have come in all.
  async::Task<void> Await(std::size_t wanted) {
    co_await AwaitThat([this, wanted] { return got.size() >= wanted; });
    EXPECT_GE(got.size(), wanted);
  }
  /// Waits until this holds, which is asked again with each message.
  async::Task<void> AwaitThat(std::function<bool()> holds) {
    const async::Context patient(async::Loop::Current()->After(milliseconds(20'000)));
    while (!holds() && co_await news.Wait(patient) == async::Wake::kReady) {
    }
    EXPECT_TRUE(holds()) << got.size() << " messages came";
  }
  std::vector<std::string> Data(const std::string& partition = "") const {
    std::vector<std::string> out;
    for (const Message& message : got) {
      if (partition.empty() || *message.metadata.Find("__partition") == partition) {
        out.push_back(message.data);
      }
    }
    return out;
  }
  std::size_t CountOf(const std::string& data) const {
    return static_cast<std::size_t>(std::ranges::count(Data(), data));
  }

  std::vector<Message> got;
  std::vector<std::size_t> batches;
  std::function<Verdict(const Message&)> decide = [](const Message&) { return Verdict::kDone; };
  bool shut = false;
  async::Event news;
  async::Event open;
};

/// A component, with what is needed to use it and end it.
struct Member {
  Broker broker;
  std::vector<std::unique_ptr<contracts::Subscription>> subscriptions;

  async::Task<base::Status> Init(Entries entries, milliseconds time = milliseconds(20'000)) {
    const config::Properties properties("test", std::move(entries));
    const contracts::Call call = In(time);
    co_return co_await broker.Init(call, {.name = "test",
                                          .type = "pubsub.kafka",
                                          .version = "v1",
                                          .properties = properties,
                                          .app_id = "app",
                                          .app_namespace = "default"});
  }
  async::Task<void> Subscribe(const std::string& topic, Subscriber& subscriber,
                              std::optional<contracts::BulkSubscribeOptions> bulk = {}) {
    const contracts::Call call = In(milliseconds(20'000));
    contracts::SubscribeRequest request{.topic = topic};
    request.bulk = bulk;
    auto made = co_await broker.Subscribe(call, std::move(request), subscriber);
    EXPECT_TRUE(made) << made.error().message;
    if (made) subscriptions.push_back(std::move(*made));
  }
  async::Task<base::Status> Publish(std::string topic, std::string data,
                                    contracts::Metadata metadata = {},
                                    milliseconds time = milliseconds(20'000)) {
    const contracts::Call call = In(time);
    co_return co_await broker.Publish(
        call,
        {.topic = std::move(topic), .data = std::move(data), .metadata = std::move(metadata)});
  }
  /// To a certain partition; must succeed.
  async::Task<void> Put(const std::string& topic, int partition, std::string data) {
    const base::Status status =
        co_await Publish(topic, std::move(data), {{"partitionNumber", std::to_string(partition)}});
    EXPECT_TRUE(status) << status.error().message;
  }
  async::Task<void> End(milliseconds time = milliseconds(2000)) {
    for (auto& subscription : subscriptions) {
      const contracts::Call call = In(time);
      co_await subscription->Close(call);
    }
    subscriptions.clear();
    const contracts::Call call = In(milliseconds(5000));
    co_await broker.Close(call);
  }
};

inline std::string Fresh(const std::string& name) {
  return name + "-" + base::NewUuid().substr(0, 8);
}

inline Entries Plain(const std::string& group, Entries more = {}) {
  Entries entries{{"brokers", components::kafka::SharedBroker().address()},
                  {"authType", "none"},
                  {"consumerID", group},
                  {"backOffDuration", "200ms"},
                  {"heartbeatInterval", "200ms"}};
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

/// Runs a test's coroutine on a loop of its own.
inline void Play(async::Task<void> (*test)()) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [test] { return test(); });
}

}  // namespace components::pubsub::kafka
