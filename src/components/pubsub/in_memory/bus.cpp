#include "components/pubsub/in_memory/bus.hpp"

#include <algorithm>
#include <utility>

#include "components/pubsub/in_memory/pattern.hpp"

namespace components::pubsub::in_memory {

namespace {

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

Bus::Put Bus::Publish(Item& item, const std::shared_ptr<Bell>& room) {
  std::shared_ptr<Bell> bell;               // of the first queue to be woken
  std::vector<std::shared_ptr<Bell>> more;  // of the others
  {
    item.cost = CostOf(item);
    const std::size_t cost = item.cost;
    std::lock_guard lock(mutex_);
    bool any = false;
    Put verdict = Put::kTaken;
    ForEach(item.topic, [&](const std::shared_ptr<Queue>& queue) {
      any = true;
      if (!Full(*queue, cost)) return;
      // One that is paused will not make room soon, whatever the others do.
      if (queue->paused_) verdict = Put::kFullAndPaused;
      if (verdict == Put::kTaken) verdict = Put::kFull;
    });
    if (!any) return Put::kTaken;
    if (verdict != Put::kTaken) {
      if (verdict == Put::kFull && room) waiting_.push_back(room);
      return verdict;
    }
    const std::string topic = item.topic;
    const auto shared = std::make_shared<const Item>(std::move(item));
    ForEach(topic, [&](const std::shared_ptr<Queue>& queue) {
      queue->items_.push_back(shared);
      queue->bytes_ += cost;
      if (!std::exchange(queue->idle_, false)) return;
      if (!bell) {
        bell = queue->bell_;
      } else {
        more.push_back(queue->bell_);
      }
    });
  }
  if (bell) Ring(bell);
  for (const std::shared_ptr<Bell>& other : more) Ring(other);
  return Put::kTaken;
}

void Bus::Forget(const std::shared_ptr<Bell>& room) {
  std::lock_guard lock(mutex_);
  std::erase(waiting_, room);
}

void Bus::Add(const std::shared_ptr<Queue>& queue) {
  std::lock_guard lock(mutex_);
  (IsPattern(queue->topic_) ? patterns_ : topics_[queue->topic_]).push_back(queue);
}

void Bus::Remove(const std::shared_ptr<Queue>& queue) {
  std::deque<ItemPtr> dropped;  // freed after the lock
  std::vector<std::shared_ptr<Bell>> waiting;
  {
    std::lock_guard lock(mutex_);
    std::erase(patterns_, queue);
    if (const auto found = topics_.find(queue->topic_); found != topics_.end()) {
      std::erase(found->second, queue);
      if (found->second.empty()) topics_.erase(found);
    }
    dropped.swap(queue->items_);
    queue->bytes_ = 0;
    waiting.swap(waiting_);
  }
  for (const std::shared_ptr<Bell>& bell : waiting) Ring(bell);
}

void Bus::SetPaused(Queue& queue, bool paused) {
  std::vector<std::shared_ptr<Bell>> waiting;
  {
    std::lock_guard lock(mutex_);
    queue.paused_ = paused;
    // Those who wait for room learn that there will be none.
    if (paused) waiting.swap(waiting_);
  }
  for (const std::shared_ptr<Bell>& bell : waiting) Ring(bell);
}

std::vector<ItemPtr> Bus::Peek(Queue& queue, std::size_t count) {
  std::vector<ItemPtr> out;
  std::lock_guard lock(mutex_);
  const std::size_t there = std::min(count, queue.items_.size());
  out.assign(queue.items_.begin(), queue.items_.begin() + static_cast<std::ptrdiff_t>(there));
  queue.idle_ = out.empty();
  return out;
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
  std::vector<std::shared_ptr<Bell>> waiting;
  {
    std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(queue.items_, item);
    if (found == queue.items_.end()) return;
    queue.bytes_ -= item->cost;
    queue.items_.erase(found);
    // Not for each place that gets free, so that publishers are woken for many at once.
    if (!waiting_.empty() && queue.items_.size() <= limits_.length - limits_.length / 8 &&
        queue.bytes_ <= limits_.bytes - limits_.bytes / 8) {
      waiting.swap(waiting_);
    }
  }
  for (const std::shared_ptr<Bell>& bell : waiting) Ring(bell);
}

}  // namespace components::pubsub::in_memory
