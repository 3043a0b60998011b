#include "components/pubsub/in_memory/bus.hpp"

#include <algorithm>
#include <utility>

#include "components/pubsub/in_memory/pattern.hpp"

namespace components::pubsub::in_memory {

namespace {

// Room there must be before those who wait for it get in: many at once, so that few wake-ups are
// needed, but after milliseconds.
constexpr std::size_t kRoomLength = 256;
constexpr std::size_t kRoomBytes = std::size_t{256} * 1024;

std::size_t CostOf(const Item& item) {
  std::size_t cost = sizeof(Item) + item.topic.size() + item.data.size();
  for (const auto& [key, value] : item.metadata) cost += 64 + key.size() + value.size();
  return cost;
}

}  // namespace

void Ring(const std::shared_ptr<Bell>& bell) {
  if (bell->loop->InThread()) {
    bell->rung.Pulse();
  } else {
    bell->loop->Post([bell] { bell->rung.Pulse(); });
  }
}

namespace {

void RingAll(const std::vector<std::shared_ptr<Bell>>& bells) {
  for (const std::shared_ptr<Bell>& bell : bells) Ring(bell);
}

}  // namespace

template <class F>
void Bus::ForEach(std::string_view topic, F function) const {
  if (const auto found = topics_.find(topic); found != topics_.end()) {
    for (const std::shared_ptr<Queue>& queue : found->second) function(queue);
  }
  for (const std::shared_ptr<Queue>& queue : patterns_) {
    if (Matches(queue->topic_, topic)) function(queue);
  }
}

// A message that is larger than all the room there is fits an empty queue.
bool Bus::Full(const Queue& queue, std::size_t cost) const {
  return !queue.items_.empty() &&
         (queue.items_.size() >= limits_.length || queue.bytes_ + cost > limits_.bytes);
}

Bus::Put Bus::Look(const Item& item, bool newcomer, std::shared_ptr<Queue>& at) const {
  Put verdict = Put::kTaken;
  ForEach(item.topic, [&](const std::shared_ptr<Queue>& queue) {
    if (!Full(*queue, item.cost) && (!newcomer || queue->waiting_.empty())) return;
    // One that is paused will not make room soon, whatever the others do.
    if (queue->paused_) verdict = Put::kFullAndPaused;
    if (verdict != Put::kTaken) return;
    verdict = Put::kFull;
    at = queue;
  });
  return verdict;
}

void Bus::Insert(Item& item, Bells& bells) {
  const std::string topic = item.topic;
  ItemPtr shared;
  ForEach(topic, [&](const std::shared_ptr<Queue>& queue) {
    if (!shared) shared = std::make_shared<const Item>(std::move(item));
    queue->items_.push_back(shared);
    queue->bytes_ += shared->cost;
    if (std::exchange(queue->idle_, false)) bells.push_back(queue->bell_);
  });
}

Bus::Put Bus::Publish(Item& item) {
  Bells bells;
  item.cost = CostOf(item);
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Queue> at;
    if (const Put verdict = Look(item, true, at); verdict != Put::kTaken) return verdict;
    Insert(item, bells);
  }
  RingAll(bells);
  return Put::kTaken;
}

Bus::Put Bus::Publish(const std::shared_ptr<Waiter>& waiter) {
  Bells bells;
  waiter->item.cost = CostOf(waiter->item);
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Queue> at;
    waiter->result_ = Look(waiter->item, true, at);
    if (waiter->result_ == Put::kFull) {
      at->waiting_.push_back(waiter);
      waiter->at_ = std::move(at);
    }
    if (waiter->result_ != Put::kTaken) return waiter->result_;
    Insert(waiter->item, bells);
  }
  RingAll(bells);
  return Put::kTaken;
}

Bus::Put Bus::Result(const Waiter& waiter) const {
  std::lock_guard lock(mutex_);
  return waiter.result_;
}

Bus::Put Bus::Forget(const std::shared_ptr<Waiter>& waiter) {
  std::lock_guard lock(mutex_);
  if (waiter->at_) std::erase(waiter->at_->waiting_, waiter);
  waiter->at_.reset();
  return waiter->result_;
}

void Bus::Decide(Waiter& waiter, Put result, Bells& bells) {
  waiter.result_ = result;
  waiter.at_.reset();
  bells.push_back(waiter.bell);
}

void Bus::Admit(Queue& queue, Bells& bells) {
  while (!queue.waiting_.empty()) {
    const std::shared_ptr<Waiter> waiter = queue.waiting_.front();
    std::shared_ptr<Queue> at;
    const Put verdict = Look(waiter->item, false, at);
    if (verdict == Put::kFull && at.get() == &queue) return;
    queue.waiting_.pop_front();
    if (verdict == Put::kFull) {
      at->waiting_.push_back(waiter);
      waiter->at_ = std::move(at);
      continue;
    }
    if (verdict == Put::kTaken) Insert(waiter->item, bells);
    Decide(*waiter, verdict, bells);
  }
}

void Bus::Add(const std::shared_ptr<Queue>& queue) {
  std::lock_guard lock(mutex_);
  (IsPattern(queue->topic_) ? patterns_ : topics_[queue->topic_]).push_back(queue);
}

void Bus::Remove(const std::shared_ptr<Queue>& queue) {
  std::deque<ItemPtr> dropped;  // freed after the lock
  Bells bells;
  {
    std::lock_guard lock(mutex_);
    std::erase(patterns_, queue);
    if (const auto found = topics_.find(queue->topic_); found != topics_.end()) {
      std::erase(found->second, queue);
      if (found->second.empty()) topics_.erase(found);
    }
    dropped.swap(queue->items_);
    queue->bytes_ = 0;
    Admit(*queue, bells);
  }
  RingAll(bells);
}

void Bus::SetPaused(Queue& queue, bool paused) {
  Bells bells;
  {
    std::lock_guard lock(mutex_);
    queue.paused_ = paused;
    // Those who wait for room learn that there will be none.
    while (paused && !queue.waiting_.empty()) {
      Decide(*queue.waiting_.front(), Put::kFullAndPaused, bells);
      queue.waiting_.pop_front();
    }
  }
  RingAll(bells);
}

std::vector<ItemPtr> Bus::Peek(Queue& queue, std::size_t count) {
  std::vector<ItemPtr> out;
  std::lock_guard lock(mutex_);
  const std::size_t there = std::min(count, queue.items_.size());
  out.assign(queue.items_.begin(), queue.items_.begin() + static_cast<std::ptrdiff_t>(there));
  queue.idle_ = out.empty();
  return out;
}

ItemPtr Bus::Next(Queue& queue, std::size_t skip) {
  std::lock_guard lock(mutex_);
  queue.idle_ = queue.items_.size() <= skip;
  return queue.idle_ ? nullptr : queue.items_[skip];
}

std::size_t Bus::Wait(Queue& queue, std::size_t wanted) {
  std::lock_guard lock(mutex_);
  queue.idle_ = queue.items_.size() < wanted;
  return queue.items_.size();
}

std::size_t Bus::Size(const Queue& queue) const {
  std::lock_guard lock(mutex_);
  return queue.items_.size();
}

void Bus::Take(Queue& queue, const ItemPtr& item) {
  Bells bells;
  {
    std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(queue.items_, item);
    if (found == queue.items_.end()) return;
    queue.bytes_ -= item->cost;
    queue.items_.erase(found);
    if (!queue.waiting_.empty() &&
        queue.items_.size() <= limits_.length - std::min(limits_.length / 8, kRoomLength) &&
        queue.bytes_ <= limits_.bytes - std::min(limits_.bytes / 8, kRoomBytes)) {
      Admit(queue, bells);
    }
  }
  RingAll(bells);
}

}  // namespace components::pubsub::in_memory
