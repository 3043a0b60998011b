// The subscription's life, handing over, acknowledging.
#include "components/pubsub/redis/subscription.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "components/pubsub/redis/delays.hpp"

namespace components::pubsub::redis {

using base::StrCat;
using contracts::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// How many messages the block takes for a batch where nobody says.
constexpr std::size_t kDefaultBatch = 100;
constexpr seconds kDefaultKeepTime(60);
constexpr milliseconds kFirstRetry(100);
constexpr seconds kLongestRetry(15);
constexpr milliseconds kFirstAckRetry(50);
constexpr seconds kLongestAckRetry(2);
constexpr std::size_t kMostAcks = 1000;
// What Close grants the broker beyond its deadline, at each of its steps.
constexpr milliseconds kLastWords(800);

// The block makes its batches of what it holds at once.
std::size_t Concurrency(const Settings& settings, const contracts::SubscribeRequest& request) {
  if (!request.bulk) return settings.concurrency;
  const std::size_t batch = request.bulk->max_messages > 0
                                ? static_cast<std::size_t>(request.bulk->max_messages)
                                : kDefaultBatch;
  return std::max(settings.concurrency, std::min(batch, settings.queue_depth));
}

}  // namespace

Subscription::Subscription(components::redis::Client& client, const Settings& settings,
                           const contracts::SubscribeRequest& request,
                           contracts::MessageHandler& handler)
    : settings_(settings),
      concurrency_(Concurrency(settings, request)),
      strict_(concurrency_ == 1),
      keep_time_(settings.processing_timeout.count() > 0
                     ? async::Duration(settings.processing_timeout)
                     : async::Duration(kDefaultKeepTime)),
      handler_(handler),
      group_(client, request.topic, settings.consumer),
      reader_(group_),
      table_(settings.queue_depth) {}

async::Task<base::Status> Subscription::Start(const contracts::Call& call) {
  CO_RETURN_IF_ERROR(co_await group_.Create(call));
  group_stands_ = true;
  pulling_ = true;
  gate_.Spawn(Pull());
  gate_.Spawn(Keep());
  co_return base::Status();
}

async::Context Subscription::Command() {
  return async::Context(async::Loop::Current()->After(group_.client().settings().read_timeout),
                        &give_up_);
}

void Subscription::Pause() {
  if (std::exchange(paused_, true)) return;
  reader_.Interrupt();
  room_.Pulse();
}

void Subscription::Resume() {
  if (!std::exchange(paused_, false)) return;
  reader_.Continue();
  Pump();
  resumed_.Pulse();
}

async::Task<base::Result<std::optional<int64_t>>> Subscription::Backlog(
    const contracts::Call& call) {
  CO_ASSIGN_OR_RETURN(const int64_t waiting, co_await group_.Waiting(call));
  const std::size_t handed = table_.size() - table_.ready() - table_.waiting();
  co_return std::optional<int64_t>(std::max<int64_t>(0, waiting - static_cast<int64_t>(handed)));
}

void Subscription::Pump() {
  if (std::exchange(pumping_, true)) return;
  while (!paused_ && !closing_ && running_ < concurrency_) {
    Held* const next = table_.Next(strict_);
    if (!next) break;
    if (Stale(*next)) {
      refresh_.Pulse();
      break;
    }
    table_.Set(*next, Held::State::kRunning);
    ++running_;
    gate_.Spawn(Handle(*next));
  }
  pumping_ = false;
  room_.Pulse();
}

// Nobody else removes what is with the handler.
async::Task<void> Subscription::Handle(Held& held) {
  const contracts::Call call(async::Context(async::kForever, &stop_handlers_));
  const Verdict verdict =
      co_await handler_.Handle(call, contracts::Message{.topic = group_.topic(),
                                                        .data = held.data,
                                                        .content_type = {},
                                                        .metadata = held.metadata});
  --running_;
  Settle(held, verdict);
  idle_.Pulse();
  Pump();
}

void Subscription::Settle(Held& held, Verdict verdict) {
  if (verdict == Verdict::kDone) {
    table_.Set(held, Held::State::kDone);
    return Acknowledge(held.id);
  }
  // At the end all that is ready goes back.
  if (closing_ || (verdict == Verdict::kReturn && paused_)) {
    return table_.Set(held, Held::State::kReady);
  }
  if (!strict_ && settings_.takes_over() && table_.waiting() * 2 >= settings_.queue_depth) {
    return table_.Remove(held.id);
  }
  table_.Set(held, Held::State::kWaiting);
  const async::Duration longest = settings_.redeliver_interval.count() > 0
                                      ? async::Duration(settings_.redeliver_interval)
                                      : async::Duration(kLongestRetry);
  gate_.Spawn(TryLater(held.id, DelayAfter(++held.tries, kFirstRetry, longest)));
}

async::Task<void> Subscription::TryLater(StreamId id, async::Duration delay) {
  const async::Context context(async::kForever, &stop_pulling_);
  co_await async::Sleep(context, async::Loop::Current()->After(delay));
  Held* const held = table_.Find(id);
  if (!held || held->state != Held::State::kWaiting) co_return;
  table_.Set(*held, Held::State::kReady);
  Pump();
}

void Subscription::Acknowledge(StreamId id) {
  done_.push_back(id);
  if (std::exchange(acknowledging_, true)) return;
  gate_.Spawn(AcknowledgeAll());
}

// One command at a time for all that has gathered meanwhile.
async::Task<void> Subscription::AcknowledgeAll() {
  co_await async::Yield();
  int failures = 0;
  while (!done_.empty() && !give_up_.canceled()) {
    const std::size_t count = std::min(done_.size(), kMostAcks);
    const std::vector<StreamId> batch(done_.begin(),
                                      done_.begin() + static_cast<std::ptrdiff_t>(count));
    const async::Context context = Command();
    const base::Status status = co_await group_.Acknowledge(context, batch);
    if (status) {
      failures = 0;
      done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(count));
      for (const StreamId& id : batch) table_.Remove(id);
      Pump();
      continue;
    }
    Log()
        .RateLimited("pubsub.redis.ack", 1)
        .Warning(StrCat("handled messages of topic ", group_.topic(),
                        " cannot be acknowledged yet: ", status.error().message));
    const async::Context pause(async::kForever, &give_up_);
    co_await async::Sleep(pause, async::Loop::Current()->After(
                                     DelayAfter(++failures, kFirstAckRetry, kLongestAckRetry)));
  }
  acknowledging_ = false;
  idle_.Pulse();
}

async::Task<void> Subscription::Close(const contracts::Call& call) {
  const async::Context patient;
  closing_ = true;
  reader_.Interrupt();
  stop_pulling_.Cancel();
  const async::Context first(async::Loop::Current()->After(kLastWords));
  while (pulling_ && co_await idle_.Wait(first) == async::Wake::kReady) continue;
  // What was not handed over is free for others while our handlers finish.
  co_await AbandonReady();
  while (running_ > 0 && co_await idle_.Wait(call) == async::Wake::kReady) continue;
  stop_handlers_.Cancel();
  while (running_ > 0) co_await idle_.Wait(patient);
  const async::Context last(async::Loop::Current()->After(kLastWords));
  while (acknowledging_ && co_await idle_.Wait(last) == async::Wake::kReady) continue;
  co_await AbandonReady();
  give_up_.Cancel();
  while (pulling_ || acknowledging_) co_await idle_.Wait(patient);
  co_await reader_.End();
  co_await gate_.Close(patient);
}

}  // namespace components::pubsub::redis
