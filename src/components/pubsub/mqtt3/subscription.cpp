#include "components/pubsub/mqtt3/subscription.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "async/loop.hpp"
#include "base/random.hpp"

namespace components::pubsub::mqtt3 {

using contracts::Verdict;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstDelay(100);
constexpr milliseconds kLongestDelay(10'000);
// To tell the broker of the end.
constexpr std::chrono::seconds kGoodbye(2);
// Handlers at once.
constexpr std::size_t kMaxHandlers = 256;

async::Duration DelayAfter(int failures) {
  const int doublings = std::clamp(failures - 1, 0, 7);
  return base::Jitter(std::min<async::Duration>(kFirstDelay * (1 << doublings), kLongestDelay));
}

contracts::Message ToMessage(const mqtt::Message& message) {
  return {.topic = message.topic,
          .data = message.payload,
          .content_type = {},
          .metadata = {{"retained", message.retained ? "true" : "false"}}};
}

}  // namespace

// Where the session puts messages, on its loop; the subscription takes them on its own.
class Subscription::Inbox final : public mqtt::Receiver,
                                  public std::enable_shared_from_this<Inbox> {
 public:
  explicit Inbox(Subscription* subscription)
      : loop_(*async::Loop::Current()), subscription_(subscription) {}

  void Deliver(mqtt::MessagePtr message) override {
    {
      const std::lock_guard lock(mutex_);
      arrived_.push_back(std::move(message));
      if (arrived_.size() > 1) return;  // it has been told
    }
    loop_.Post([self = shared_from_this()] { self->Take(); });
  }
  /// On the subscription's loop: nothing reaches it any more.
  void Leave() { subscription_ = nullptr; }

 private:
  void Take() {
    std::vector<mqtt::MessagePtr> messages;
    {
      const std::lock_guard lock(mutex_);
      messages.swap(arrived_);
    }
    if (!subscription_) return;
    for (mqtt::MessagePtr& message : messages) subscription_->queue_.push_back(std::move(message));
    subscription_->Pump();
  }

  async::Loop& loop_;
  std::mutex mutex_;
  std::vector<mqtt::MessagePtr> arrived_;
  Subscription* subscription_;  // touched on its loop only
};

Subscription::Subscription(std::shared_ptr<mqtt::Client> client, contracts::MessageHandler& handler,
                           Options options)
    : client_(std::move(client)),
      handler_(handler),
      options_(options),
      inbox_(std::make_shared<Inbox>(this)),
      receiver_(inbox_) {}

void Subscription::Resume() {
  if (!std::exchange(paused_, false)) return;
  // First those that have been handed over once: they came first.
  resumed_.Pulse();
  Pump();
}

async::Task<base::Result<std::optional<int64_t>>> Subscription::Backlog(const contracts::Call&) {
  co_return std::optional<int64_t>(static_cast<int64_t>(queue_.size()));
}

void Subscription::Pump() {
  // Handlers that return at once come back here.
  if (std::exchange(pumping_, true)) return;
  const std::size_t limit = options_.single ? 1 : kMaxHandlers;
  while (!paused_ && !closing_ && !queue_.empty() && handlers_ < limit) {
    mqtt::MessagePtr message = std::move(queue_.front());
    queue_.pop_front();
    ++handlers_;
    gate_.Spawn(HandOver(std::move(message)));
  }
  pumping_ = false;
  // A handler may have made its owner close this, which then waits for the end of this loop.
  if (closing_) idle_.Pulse();
}

async::Task<void> Subscription::HandOver(mqtt::MessagePtr message) {
  const contracts::Call call(async::Context(async::kForever, &stop_handlers_));
  async::Loop& loop = *async::Loop::Current();
  int failures = 0;
  while (true) {
    const Verdict verdict = co_await handler_.Handle(call, ToMessage(*message));
    // QoS 0 is "at most once": the broker would not send it again either.
    if (verdict == Verdict::kDone || (verdict == Verdict::kFailed && message->qos == 0)) {
      client_->Settle(receiver_, message);
      break;
    }
    if (closing_) break;  // it stays with the broker
    client_->StepOut(message);
    failures = verdict == Verdict::kFailed ? failures + 1 : 0;
    const async::Context pause(loop.After(DelayAfter(failures)), &stop_waiting_);
    // The end of a pause ends this one too.
    if (!paused_) co_await resumed_.Wait(pause);
    const async::Context waits(async::kForever, &stop_waiting_);
    while (paused_ && !closing_) co_await resumed_.Wait(waits);
    if (closing_) break;
  }
  --handlers_;
  Pump();
  if (handlers_ == 0) idle_.Pulse();
}

async::Task<void> Subscription::Close(const contracts::Call& call) {
  closing_ = true;
  inbox_->Leave();
  queue_.clear();
  stop_waiting_.Cancel();
  while (handlers_ > 0) {
    if (co_await idle_.Wait(call) != async::Wake::kReady) break;
  }
  stop_handlers_.Cancel();
  const async::Context patient;
  co_await gate_.Close(patient);
  while (pumping_) co_await idle_.Wait(patient);
  const async::Context goodbye(async::Loop::Current()->After(kGoodbye));
  co_await client_->Remove(goodbye, receiver_, options_.unsubscribe);
}

}  // namespace components::pubsub::mqtt3
