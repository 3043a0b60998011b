// What becomes of the messages that a consumer was handed.
#include <algorithm>
#include <vector>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "components/rabbitmq/consumer.hpp"

namespace components::rabbitmq {

using contracts::Verdict;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause(100);
constexpr milliseconds kLongestPause(10'000);
// Messages whose failures are remembered; beyond it they count as new.
constexpr std::size_t kMaxFailures = 4096;

async::Duration PauseAfter(int times) {
  const async::Duration pause = kFirstPause * (1 << std::clamp(times - 1, 0, 7));
  return base::Jitter(std::min<async::Duration>(pause, kLongestPause));
}

}  // namespace

void Consumer::OnDelivery(Delivery delivery) {
  // The broker has been asked to take everything back that it had handed out before its answer.
  if (recovering_) return;
  buffer_.push_back({std::move(delivery), async::Loop::Current()->now()});
  HandOver();
}

void Consumer::HandOver() {
  // Handlers that end at once come back here: they must not pile up on the stack.
  if (std::exchange(handing_over_, true)) return;
  while (!buffer_.empty() && !idle() && (!options_.single || in_hand_.empty())) {
    Held held = std::move(buffer_.front());
    buffer_.pop_front();
    gate_.Spawn(HandleOne(std::move(held)));
  }
  handing_over_ = false;
}

async::Task<void> Consumer::HandleOne(Held held) {
  const auto in_hand = std::make_shared<InHand>();
  const auto place = in_hand_.insert(in_hand_.end(), in_hand);
  in_hand->tag = held.delivery.tag;
  in_hand->arrived = held.arrived;
  const std::size_t hash = options_.requeue ? std::hash<std::string>()(held.delivery.body) : 0;
  const contracts::Call call(async::Context(async::kForever, &in_hand->cancel));
  const Verdict verdict = co_await handler_.OnMessage(call, std::move(held.delivery));
  co_await Settle(in_hand, verdict, hash);
  in_hand_.erase(place);
  settled_.Pulse();
  HandOver();
}

async::Duration Consumer::FailurePause(std::size_t hash) {
  if (failures_.size() >= kMaxFailures) failures_.clear();
  return PauseAfter(++failures_[hash]);
}

async::Task<void> Consumer::Settle(InHandPtr in_hand, Verdict verdict, std::size_t hash) {
  if (in_hand->gone) co_return;
  if (verdict == Verdict::kDone || (verdict == Verdict::kFailed && options_.acknowledge_always)) {
    in_hand->gone = true;
    returns_ = 0;
    if (!failures_.empty()) failures_.erase(hash);
    channel_->Ack(in_hand->tag);
    co_return;
  }
  if (verdict == Verdict::kFailed && !options_.requeue) {
    in_hand->gone = true;
    channel_->Nack(in_hand->tag, /*requeue=*/false);
    co_return;
  }
  // It comes again at once, so it is kept for a while.
  const async::Context context(async::kForever, &stop_);
  async::Loop& loop = *async::Loop::Current();
  if (verdict == Verdict::kFailed) {
    co_await async::Sleep(context, loop.After(FailurePause(hash)));
  } else if (!idle()) {
    co_await resumed_.Wait(context.Until(loop.After(PauseAfter(++returns_))));
  }
  co_await GiveBack(in_hand);
}

async::Task<void> Consumer::GiveBack(InHandPtr in_hand) {
  if (in_hand->gone) co_return;
  in_hand->gone = true;
  const std::shared_ptr<Channel> channel = channel_;
  if (!options_.single || options_.counts_returns || closing_) {
    channel->Nack(in_hand->tag, /*requeue=*/true);
    co_return;
  }
  // Those behind it go back with it, or they would overtake it.
  recovering_ = true;
  buffer_.clear();
  const uint64_t number = channel_number_;
  const async::Context context(async::kForever, &stop_);
  const base::Status status = co_await channel->Recover(context);
  if (number != channel_number_) co_return;
  recovering_ = false;
  if (!status && !closing_) {
    lost_ = true;
    change_.Pulse();
  }
}

// When the first of what is held becomes too old.
async::TimePoint Consumer::NextReturn() const {
  async::TimePoint oldest = async::kForever;
  for (const Held& held : buffer_) oldest = std::min(oldest, held.arrived);
  if (paused_) {
    for (const InHandPtr& one : in_hand_) {
      if (!one->gone) oldest = std::min(oldest, one->arrived);
    }
  }
  if (oldest == async::kForever) {
    // What arrives later is not announced.
    return async::Loop::Current()->After(
        std::chrono::duration_cast<async::Duration>(options_.hold / 2));
  }
  return oldest + std::chrono::duration_cast<async::Duration>(options_.hold);
}

// Gives back what has been held too long without anybody at work on it. What a handler has while
// the subscription runs is the app's to finish.
void Consumer::ReturnOld() {
  const async::Duration hold = std::chrono::duration_cast<async::Duration>(options_.hold);
  const async::TimePoint limit = async::Loop::Current()->now() - hold / 2;
  const auto is_due = [&] { return NextReturn() <= async::Loop::Current()->now(); };
  if (!is_due()) return;
  if (paused_) {
    const std::vector<InHandPtr> all(in_hand_.begin(), in_hand_.end());
    for (const InHandPtr& one : all) {
      if (one->gone || one->arrived > limit) continue;
      one->gone = true;
      channel_->Nack(one->tag, /*requeue=*/true);
      one->cancel.Cancel();
    }
  }
  while (!buffer_.empty() && buffer_.front().arrived <= limit) {
    channel_->Nack(buffer_.front().delivery.tag, /*requeue=*/true);
    buffer_.pop_front();
  }
}

}  // namespace components::rabbitmq
