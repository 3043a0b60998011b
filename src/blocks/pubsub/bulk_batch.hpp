// BulkBatcher: makes batches for bulk subscriptions of components that hand over one message at a
// time: until there are enough, or the first has waited long enough. Own loop only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "contracts/pubsub.hpp"

namespace blocks::pubsub {

class BulkBatcher {
 public:
  using Sink = std::function<async::Task<std::vector<contracts::Verdict>>(
      const contracts::Call&, std::vector<contracts::Message>)>;
  /// `sink` deals with one batch; its call is canceled by Close.
  BulkBatcher(std::size_t max_messages, async::Duration max_await, Sink sink);
  ~BulkBatcher();

  /// The verdict on the message, once its batch has been dealt with. kReturn if the call ends
  /// first.
  async::Task<contracts::Verdict> Add(const contracts::Call& call, contracts::Message message);
  /// Does not wait for more messages to make a batch of what is here.
  void Flush();
  /// Cancels batches and waits for them.
  async::Task<void> Close();

 private:
  struct Waiting;
  async::Task<void> Run(std::vector<std::shared_ptr<Waiting>> batch);
  struct FlushTimer : async::Timer {
    BulkBatcher* batcher = nullptr;
  };

  const std::size_t max_messages_;
  const async::Duration max_await_;
  const Sink sink_;
  std::vector<std::shared_ptr<Waiting>> next_;
  FlushTimer timer_;
  async::Gate gate_;
};

}  // namespace blocks::pubsub
