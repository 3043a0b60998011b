// The handler of the broker conformance suite: keeps what it is handed until the test has decided
// what becomes of it. One loop.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/wait.hpp"
#include "contracts/pubsub.hpp"

namespace contracts {

// A message in the hands of the handler.
struct Arrived {
  Message message;
  std::size_t together = 1;  // how many came in its batch
  bool claimed = false;      // a step has received it
  std::optional<Verdict> verdict;
  async::Event decided;

  void Decide(Verdict value) {
    verdict = value;
    decided.Set();
  }
};

class Listener final : public MessageHandler {
 public:
  explicit Listener(async::Event& news) : news_(news) {}

  async::Task<Verdict> Handle(const Call& call, Message message) override {
    const auto arrived = Add(std::move(message), 1);
    news_.Pulse();
    co_return co_await VerdictOf(call, *arrived);
  }
  async::Task<std::vector<Verdict>> HandleBatch(const Call& call,
                                                std::vector<Message> messages) override {
    std::vector<std::shared_ptr<Arrived>> batch;
    const std::size_t together = messages.size();
    EXPECT_GT(together, 0U);
    EXPECT_TRUE(max_batch == 0 || together <= max_batch) << together << " messages in a batch";
    for (Message& message : messages) batch.push_back(Add(std::move(message), together));
    news_.Pulse();
    std::vector<Verdict> verdicts;
    for (const auto& arrived : batch) verdicts.push_back(co_await VerdictOf(call, *arrived));
    co_return verdicts;
  }

  std::vector<std::shared_ptr<Arrived>> arrived;
  std::size_t max_batch = 0;

 private:
  std::shared_ptr<Arrived> Add(Message message, std::size_t together) {
    auto added = std::make_shared<Arrived>();
    added->message = std::move(message);
    added->together = together;
    arrived.push_back(added);
    return added;
  }
  static async::Task<Verdict> VerdictOf(const Call& call, Arrived& arrived) {
    if (!arrived.verdict) co_await arrived.decided.Wait(call);
    if (!arrived.verdict) arrived.verdict = Verdict::kReturn;  // canceled
    co_return *arrived.verdict;
  }
  async::Event& news_;
};

}  // namespace contracts
