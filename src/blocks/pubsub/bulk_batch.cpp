#include "blocks/pubsub/bulk_batch.hpp"

#include "async/loop.hpp"

namespace blocks::pubsub {

using contracts::Verdict;

struct BulkBatcher::Waiting {
  contracts::Message message;
  async::Event done;
  Verdict verdict = Verdict::kReturn;
  bool gone = false;  // nobody waits for the verdict any more
};

BulkBatcher::BulkBatcher(std::size_t max_messages, async::Duration max_await, Sink sink)
    : max_messages_(max_messages), max_await_(max_await), sink_(std::move(sink)) {
  timer_.batcher = this;
  timer_.set_callback(
      [](async::Timer* timer) { static_cast<FlushTimer*>(timer)->batcher->Flush(); });
}

BulkBatcher::~BulkBatcher() = default;

async::Task<Verdict> BulkBatcher::Add(const contracts::Call& call, contracts::Message message) {
  auto waiting = std::make_shared<Waiting>();
  waiting->message = std::move(message);
  next_.push_back(waiting);
  async::Loop& loop = *async::Loop::Current();
  if (next_.size() >= max_messages_) {
    Flush();
  } else if (next_.size() == 1) {
    loop.timers().Arm(timer_, loop.After(max_await_));
  }
  const async::Wake wake = co_await waiting->done.Wait(call);
  if (wake != async::Wake::kReady) {
    waiting->gone = true;
    co_return Verdict::kReturn;
  }
  co_return waiting->verdict;
}

void BulkBatcher::Flush() {
  timer_.Cancel();
  std::vector<std::shared_ptr<Waiting>> batch;
  batch.swap(next_);
  std::erase_if(batch, [](const auto& waiting) { return waiting->gone; });
  if (batch.empty()) return;
  auto copy = batch;
  if (gate_.Spawn(Run(std::move(batch)))) return;
  for (const auto& waiting : copy) waiting->done.Set();
}

async::Task<void> BulkBatcher::Run(std::vector<std::shared_ptr<Waiting>> batch) {
  std::vector<contracts::Message> messages;
  messages.reserve(batch.size());
  for (const auto& waiting : batch) messages.push_back(std::move(waiting->message));
  const contracts::Call call(gate_.context());
  const std::vector<Verdict> verdicts = co_await sink_(call, std::move(messages));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i]->verdict = i < verdicts.size() ? verdicts[i] : Verdict::kFailed;
    batch[i]->done.Set();
  }
}

async::Task<void> BulkBatcher::Close() {
  timer_.Cancel();
  const async::Context patient;
  co_await gate_.Close(patient);
  for (const auto& waiting : std::exchange(next_, {})) waiting->done.Set();
}

}  // namespace blocks::pubsub
