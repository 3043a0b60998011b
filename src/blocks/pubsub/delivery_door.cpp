#include "blocks/pubsub/delivery_door.hpp"

#include <algorithm>
#include <vector>

#include "async/loop.hpp"

namespace blocks::pubsub {
namespace {

constexpr auto kFirstKnockWait = std::chrono::milliseconds(50);
// Together with the app's own time to answer this keeps the return within a second.
constexpr auto kLongestKnockWait = std::chrono::milliseconds(700);
// How often a door looks whether the one that knocks, on another loop, is done.
constexpr auto kLook = std::chrono::milliseconds(50);

}  // namespace

DeliveryDoor::Ticket::Ticket(DeliveryDoor& door, const void* owner, std::function<void(int)> held)
    : door_(door), owner_(owner), held_by_(std::move(held)), order_(door.next_order_++) {}

DeliveryDoor::Ticket::~Ticket() {
  Hold(false);
  if (knocking_) door_.knocking_->busy.store(false);
  door_.waiting_.erase(this);
  if (!door_.Free()) door_.WakeFirst();
}

void DeliveryDoor::Ticket::Hold(bool on) {
  if (std::exchange(held_, on) == on) return;
  if (held_by_) held_by_(on ? 1 : -1);
}

async::TimePoint DeliveryDoor::KnockAt() const {
  return async::TimePoint(async::Duration(knocking_->not_before.load()));
}

void DeliveryDoor::PutOffKnock(bool knocked) {
  // Many deliveries fail together when an app goes; they are one piece of news.
  if (!knocked && knocking_->wait.load() != 0) return;
  const async::Duration wait = std::clamp<async::Duration>(
      async::Duration(knocking_->wait.load()) * 2, kFirstKnockWait, kLongestKnockWait);
  knocking_->wait.store(wait.count());
  knocking_->not_before.store(async::Loop::Current()->After(wait).time_since_epoch().count());
}

void DeliveryDoor::ForgetKnocks() {
  knocking_->wait.store(0);
  knocking_->not_before.store(0);
}

bool DeliveryDoor::MayKnock(const Ticket& ticket) const {
  if (state_ == DoorState::kShut || async::Loop::Current()->now() < KnockAt()) {
    return false;
  }
  return waiting_.empty() || (*waiting_.begin())->order_ >= ticket.order_;
}

async::Task<bool> DeliveryDoor::Enter(const async::Context& context, Ticket& ticket) {
  async::Loop& loop = *async::Loop::Current();
  while (!ticket.returned_ && !context.canceled()) {
    if (Free()) {
      ticket.Hold(false);
      co_return true;
    }
    ticket.Hold(true);
    if (MayKnock(ticket) && !knocking_->busy.exchange(true)) {
      ticket.knocking_ = true;
      co_return true;
    }
    waiting_.insert(&ticket);
    // Only the first in the order may be the next to knock, so only it keeps watch.
    const bool first = *waiting_.begin() == &ticket;
    async::TimePoint until = async::kForever;
    if (first && state_ != DoorState::kShut) until = std::max(KnockAt(), loop.After(kLook));
    const async::Wake wake = co_await ticket.wake_.Wait(context.Until(until));
    waiting_.erase(&ticket);
    if (wake == async::Wake::kCanceled) break;
    if (wake == async::Wake::kTimeout && loop.now() >= context.deadline) break;
  }
  WakeFirst();
  co_return false;
}

void DeliveryDoor::Leave(Ticket& ticket, Answer answer) {
  const bool knocked = std::exchange(ticket.knocking_, false);
  if (knocked) knocking_->busy.store(false);
  if (answer == Answer::kAway || answer == Answer::kRefused) {
    doubt_ = true;
    PutOffKnock(knocked);
    if (answer == Answer::kRefused && observer_.refused) observer_.refused();
    return;
  }
  if (answer == Answer::kBroken || answer == Answer::kEnded) {
    // It may have gone into something that takes connections and closes them.
    if (knocked && answer == Answer::kBroken) PutOffKnock(true);
    return WakeFirst();
  }
  if (!knocked) return;
  ticket.Hold(false);  // whatever follows is no wait for the app
  Open();
}

void DeliveryDoor::Found(Ticket& ticket) {
  if (!std::exchange(ticket.knocking_, false)) return;
  knocking_->busy.store(false);
  ticket.Hold(false);
  async::Loop::Current()->Post([this] { Open(); });
}

void DeliveryDoor::Open() {
  doubt_ = false;
  ForgetKnocks();
  if (observer_.answered) observer_.answered();
  WakeAll();
}

void DeliveryDoor::Set(DoorState state) {
  state_ = state;
  if (state == DoorState::kOpen) {
    doubt_ = false;
    ForgetKnocks();
  }
  WakeAll();
}

void DeliveryDoor::WakeAll() {
  if (!Free()) return WakeFirst();
  // Each of them starts its call before the next is woken, so they leave in their order.
  while (Free() && !waiting_.empty()) {
    Ticket* ticket = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    ticket->wake_.Pulse();
  }
}

void DeliveryDoor::WakeFirst() {
  if (waiting_.empty()) return;
  // It looks again and, if it may not go, waits again.
  (*waiting_.begin())->wake_.Pulse();
}

void DeliveryDoor::ReturnAll(const void* owner) {
  std::vector<uint64_t> orders;
  for (Ticket* ticket : waiting_) {
    if (ticket->owner_ == owner) orders.push_back(ticket->order_);
  }
  // Whoever is woken may take others with it.
  for (const uint64_t order : orders) {
    const auto it = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const Ticket* t) { return t->order_ == order; });
    if (it == waiting_.end()) continue;
    (*it)->returned_ = true;
    (*it)->wake_.Pulse();
  }
}

}  // namespace blocks::pubsub
