// A subscription's messages side by side: they begin in the order of the queue, and what fails
// keeps nobody waiting.
#include "components/pubsub/in_memory/subscription.hpp"

namespace components::pubsub::in_memory {

using contracts::Verdict;

namespace {

// With the app at a time. Enough to keep the connections of a loop busy; more would only wait there
// instead of here.
constexpr std::size_t kMostAtATime = 100;

}  // namespace

async::Task<void> Subscription::RunSideBySide() {
  const async::Context context(async::kForever, &stop_pulling_);
  int at_once = 0;
  while (!closing_) {
    if (paused_) {
      co_await resumed_.Wait(context);
    } else if (StartNext()) {
      if (++at_once < kAtOnce) continue;
      at_once = 0;
      co_await async::Yield();
    } else {
      at_once = 0;
      co_await bell_->rung.Wait(context);
      // Whoever rang goes first: a publisher is in the middle of its publish, and of deliveries
      // that end in one turn the last one is to find the next ones waiting.
      if (!closing_) co_await async::Yield();
    }
  }
  const async::Context patient;
  while (handed_ + resting_ > 0) co_await bell_->rung.Wait(patient);
  ended_ = true;
  end_.Set();
}

bool Subscription::StartNext() {
  if (handed_ >= kMostAtATime) return false;
  Held held;
  if (!again_.empty()) {
    held = std::move(again_.begin()->second);
    again_.erase(again_.begin());
  } else {
    held.item = bus_->Next(*queue_, taken_);
    if (!held.item) return false;
    held.order = next_order_++;
    ++taken_;
  }
  ++handed_;
  gate_.Spawn(Deliver(std::move(held)));
  return true;
}

async::Task<void> Subscription::Deliver(Held held) {
  const contracts::Call call(async::Context(async::kForever, &stop_handlers_));
  const Verdict verdict = co_await handler_.Handle(call, MessageOf(*held.item));
  --handed_;
  if (verdict == Verdict::kDone) {
    --taken_;
    bus_->Take(*queue_, held.item);
  } else if (verdict == Verdict::kReturn && paused_) {
    const uint64_t order = held.order;
    again_.emplace(order, std::move(held));
  } else {
    ++held.failures;
    ++resting_;
    gate_.Spawn(DeliverAgain(std::move(held)));
  }
  bell_->rung.Pulse();
}

async::Task<void> Subscription::DeliverAgain(Held held) {
  const async::Context context(async::kForever, &stop_pulling_);
  co_await async::Sleep(context, async::Loop::Current()->After(RestAfter(held.failures)));
  --resting_;
  const uint64_t order = held.order;
  again_.emplace(order, std::move(held));
  bell_->rung.Pulse();
}

}  // namespace components::pubsub::in_memory
