#include "components/pubsub/in_memory/subscription.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace components::pubsub::in_memory {

using contracts::Verdict;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstDelay(100);
constexpr milliseconds kLongestDelay(10'000);

std::size_t BatchSize(const std::optional<contracts::BulkSubscribeOptions>& bulk) {
  if (!bulk) return 1;
  return bulk->max_messages > 0 ? static_cast<std::size_t>(bulk->max_messages) : 100;
}

}  // namespace

async::Duration RestAfter(int failures) {
  const int doublings = std::min(failures - 1, 7);
  return base::Jitter(std::min<async::Duration>(kFirstDelay * (1 << doublings), kLongestDelay));
}

contracts::Message MessageOf(const Item& item) {
  return {.topic = item.topic, .data = item.data, .content_type = {}, .metadata = item.metadata};
}

Subscription::Subscription(std::shared_ptr<Bus> bus, const contracts::SubscribeRequest& request,
                           contracts::MessageHandler& handler, bool side_by_side)
    : bus_(std::move(bus)),
      handler_(handler),
      bulk_(request.bulk),
      batch_(BatchSize(request.bulk)),
      bell_(std::make_shared<Bell>(async::Loop::Current())),
      queue_(std::make_shared<Bus::Queue>(request.topic, bell_)) {
  bus_->Add(queue_);
  // A batch holds what there is, so that one at a time is enough.
  gate_.Spawn(side_by_side && !bulk_ ? RunSideBySide() : Run());
}

void Subscription::Pause() {
  if (std::exchange(paused_, true)) return;
  bus_->SetPaused(*queue_, true);
}

void Subscription::Resume() {
  if (!std::exchange(paused_, false)) return;
  bus_->SetPaused(*queue_, false);
  resumed_.Pulse();
}

async::Task<base::Result<std::optional<int64_t>>> Subscription::Backlog(const contracts::Call&) {
  const std::size_t size = bus_->Size(*queue_);
  co_return std::optional<int64_t>(static_cast<int64_t>(size - std::min(size, handed_)));
}

async::Task<void> Subscription::Close(const contracts::Call& call) {
  closing_ = true;
  stop_pulling_.Cancel();
  if (!ended_) co_await end_.Wait(call);
  stop_handlers_.Cancel();
  const async::Context patient;
  if (!ended_) co_await end_.Wait(patient);
  bus_->Remove(queue_);
  co_await gate_.Close(patient);
}

async::Task<bool> Subscription::AwaitMessages(const async::Context& context) {
  while (!closing_) {
    if (paused_) {
      co_await resumed_.Wait(context);
    } else if (bus_->Wait(*queue_, 1) > 0) {
      if (bulk_) co_await FillBatch(context);
      if (!paused_ && !closing_) co_return true;
    } else {
      co_await bell_->rung.Wait(context);
      // Whoever rang goes first: it is in the middle of its publish.
      if (!closing_) co_await async::Yield();
    }
  }
  co_return false;
}

async::Task<void> Subscription::FillBatch(const async::Context& context) {
  const milliseconds wait(bulk_->max_await_millis > 0 ? bulk_->max_await_millis : 1000);
  const async::Context limited = context.Until(async::Loop::Current()->After(wait));
  while (!paused_ && bus_->Wait(*queue_, batch_) < batch_) {
    if (co_await bell_->rung.Wait(limited) != async::Wake::kReady) break;
  }
}

async::Task<std::vector<Verdict>> Subscription::HandOver(const std::vector<ItemPtr>& items) {
  const contracts::Call call(async::Context(async::kForever, &stop_handlers_));
  std::vector<Verdict> verdicts;
  if (bulk_) {
    std::vector<contracts::Message> messages;
    messages.reserve(items.size());
    for (const ItemPtr& item : items) messages.push_back(MessageOf(*item));
    verdicts = co_await handler_.HandleBatch(call, std::move(messages));
  } else {
    verdicts.push_back(co_await handler_.Handle(call, MessageOf(*items.front())));
  }
  verdicts.resize(items.size(), Verdict::kFailed);
  co_return verdicts;
}

async::Task<void> Subscription::Run() {
  const async::Context context(async::kForever, &stop_pulling_);
  int at_once = 0;
  while (co_await AwaitMessages(context)) {
    const std::vector<ItemPtr> items = bus_->Peek(*queue_, batch_);
    if (items.empty()) continue;
    const async::TimePoint start = async::Loop::Current()->now();
    handed_ = items.size();
    const std::vector<Verdict> verdicts = co_await HandOver(items);
    handed_ = 0;
    bool failed = false;
    bool returned = false;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (verdicts[i] == Verdict::kDone) bus_->Take(*queue_, items[i]);
      failed |= verdicts[i] == Verdict::kFailed;
      returned |= verdicts[i] == Verdict::kReturn;
    }
    failures_ = failed ? failures_ + 1 : 0;
    if (failed || (returned && !paused_)) {
      const async::Duration delay = RestAfter(std::max(failures_, 1));
      co_await async::Sleep(context, async::Loop::Current()->After(delay));
    } else if (async::Loop::Current()->now() != start) {
      at_once = 0;
    } else if (++at_once >= kAtOnce) {
      at_once = 0;
      co_await async::Yield();
    }
  }
  ended_ = true;
  end_.Set();
}

}  // namespace components::pubsub::in_memory
