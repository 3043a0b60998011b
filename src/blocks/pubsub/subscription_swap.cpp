// SubscriptionManager: from the subscriptions there are to those that are wanted, without a message
// lost between.
#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/stream_subscription.hpp"
#include "blocks/pubsub/subscription_manager_parts.hpp"

namespace blocks::pubsub {
namespace {

// How long a new form of a subscription may take to stand before the old one is closed all the
// same.
constexpr auto kSwapPatience = std::chrono::seconds(20);
// The same where other changes wait for it.
constexpr auto kReloadPatience = std::chrono::seconds(5);
constexpr auto kEmptyLook = std::chrono::milliseconds(200);
// Deliveries of a subscription that ends while the app goes on.
constexpr auto kDrainTime = std::chrono::seconds(30);

}  // namespace

async::Task<void> SubscriptionManager::SetResources(std::vector<SubscriptionSpec> declared,
                                                    std::shared_ptr<const PublishBlock> publish) {
  if (stopping_ || parts_.empty()) co_return;
  declared_ = std::move(declared);
  replaced_ = std::exchange(publish_, std::move(publish));
  keep_replaced_ = true;
  Reconcile();
  const async::Context context = gate_.context();
  while (applying_ && co_await applied_.Wait(context) == async::Wake::kReady) {
  }
}

void SubscriptionManager::EndReplaced() {
  keep_replaced_ = false;
  if (stopping_ || parts_.empty()) return;
  EndStreamsOfLostBrokers();
  for (auto& entry : std::exchange(leaving_, {})) Leave(std::move(entry));
}

bool SubscriptionManager::IsOf(const Entry& entry, const ReadySubscription& ready) const {
  return entry.ready->spec.SameAtBroker(ready.spec) &&
         entry.pubsub->SameFor(*publish_->Find(ready.spec.pubsub));
}

async::Task<void> SubscriptionManager::ApplyOnce() {
  std::vector<std::shared_ptr<Entry>> next;
  std::vector<std::shared_ptr<Entry>> fresh;
  std::vector<std::shared_ptr<Entry>> old = entries_;
  for (auto& ready : Wanted()) {
    const auto kept = std::find_if(old.begin(), old.end(),
                                   [&](const auto& entry) { return IsOf(*entry, *ready); });
    if (kept == old.end()) {
      fresh.push_back(Open(std::move(ready)));
      next.push_back(fresh.back());
      continue;
    }
    std::shared_ptr<Entry> entry = *kept;
    old.erase(kept);
    if (!entry->ready->spec.SameDelivery(ready->spec)) {
      entry->ready = ready;
      services_.loops.at(entry->loop).Post([seat = entry->seat, ready] {
        if (seat->runner) seat->runner->Update(ready);
      });
    }
    next.push_back(std::move(entry));
  }
  entries_ = next;
  TellChange();
  ListStanding();
  // What takes another's place must stand before the other goes, or messages fall between; and what
  // is published to a new broker must find its subscriptions there.
  if (!old.empty() || keep_replaced_) {
    const async::TimePoint until = home_.After(keep_replaced_ ? kReloadPatience : kSwapPatience);
    for (const auto& entry : fresh) {
      if (stopping_) break;
      if (!co_await Standing(entry, until) && !stopping_) {
        services_.log.Warning(base::StrCat("the subscription to topic ", entry->ready->spec.topic,
                                           " of pubsub ", entry->ready->spec.pubsub,
                                           " does not stand yet; an older one ends"));
      }
    }
  }
  for (auto& entry : old) {
    if (stopping_) {
      co_await CloseEntry(std::move(entry), home_.now());
    } else if (keep_replaced_) {
      entry->published_by = replaced_;
      TellAway(*entry);
      leaving_.push_back(std::move(entry));
    } else {
      Leave(std::move(entry));
    }
  }
}

// While others were waited for, `entry` stood in no list, and Broadcast may have missed it.
void SubscriptionManager::TellAway(const Entry& entry) {
  services_.loops.at(entry.loop).Post([seat = entry.seat, away = state_ != DoorState::kOpen] {
    if (seat->runner) seat->runner->SetAppAway(away);
  });
}

void SubscriptionManager::Leave(std::shared_ptr<Entry> entry) {
  TellAway(*entry);
  const NamedPubSub* now = publish_->Find(entry->pubsub->name);
  const bool broker_goes = !now || now->pubsub != entry->pubsub->pubsub;
  if (broker_goes && !entry->pubsub->pubsub->keeps_messages()) {
    gate_.Spawn(EmptyAndClose(std::move(entry)));
  } else {
    gate_.Spawn(CloseEntry(std::move(entry), home_.After(kDrainTime)));
  }
}

// What such a broker holds is gone when it goes, so its last messages are waited for, also for an
// app that is away.
async::Task<void> SubscriptionManager::EmptyAndClose(std::shared_ptr<Entry> entry) {
  const async::Context context = gate_.context();
  emptying_.push_back(entry);
  while (!gate_.closing()) {
    const bool last = entry->published_by.expired();
    const auto left = std::make_shared<Waiting>();
    co_await Ask(entry, home_.After(kReloadPatience), left);
    if (last && left->in_hand == 0 && left->backlog.value_or(0) == 0) break;
    co_await async::Sleep(context, home_.After(kEmptyLook));
  }
  std::erase(emptying_, entry);
  co_await CloseEntry(std::move(entry), home_.After(stopping_ ? async::Duration(0) : kDrainTime));
}

// A stream goes by the broker it began with.
bool SubscriptionManager::HasLostItsBroker(const Stream& stream) const {
  const NamedPubSub* now = publish_->Find(stream.stream->pubsub().name);
  return !now || now->pubsub != stream.stream->pubsub().pubsub;
}

void SubscriptionManager::EndStreamOfLostBroker(const StreamSubscription* which) {
  // While both brokers are there, the end of that time will look at all streams.
  if (stopping_ || parts_.empty() || keep_replaced_) return;
  std::optional<Stream> lost;
  {
    std::lock_guard lock(mutex_);
    for (const Stream& s : streams_) {
      if (s.stream.get() == which && HasLostItsBroker(s)) lost = s;
    }
  }
  if (lost) gate_.Spawn(EndStream(std::move(lost->stream), lost->loop, home_.After(kDrainTime)));
}

void SubscriptionManager::EndStreamsOfLostBrokers() {
  std::vector<Stream> lost;
  {
    std::lock_guard lock(mutex_);
    for (const Stream& s : streams_) {
      if (HasLostItsBroker(s)) lost.push_back(s);
    }
  }
  for (Stream& s : lost) {
    gate_.Spawn(EndStream(std::move(s.stream), s.loop, home_.After(kDrainTime)));
  }
}

}  // namespace blocks::pubsub
