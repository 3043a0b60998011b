#include "components/pubsub/redis/table.hpp"

#include <algorithm>

namespace components::pubsub::redis {

std::size_t Table::Wanted() const {
  const std::size_t free = depth_ - std::min(depth_, held_.size());
  // In few large steps: nothing is idle while half of all are ready.
  if (free == 0 || ready_.size() * 2 > depth_) return 0;
  if (held_.empty()) return std::clamp<std::size_t>(kMaxBytes / average_, 1, free);
  if (bytes_ >= kMaxBytes) return 0;
  return std::clamp<std::size_t>((kMaxBytes - bytes_) / average_, 1, free);
}

bool Table::Add(Pulled pulled, async::TimePoint now) {
  const auto [at, added] = held_.try_emplace(pulled.id);
  Held& held = at->second;
  held.fresh = now;
  if (!added) return false;
  held.id = pulled.id;
  held.data = std::move(pulled.data);
  held.metadata = std::move(pulled.metadata);
  bytes_ += held.bytes();
  average_ = (average_ * 3 + held.bytes()) / 4;
  ready_.insert(held.id);
  return true;
}

Held* Table::Find(StreamId id) {
  const auto at = held_.find(id);
  return at == held_.end() ? nullptr : &at->second;
}

Held* Table::Next(bool strict) {
  if (ready_.empty()) return nullptr;
  const StreamId next = *ready_.begin();
  if (strict) {
    for (const auto& [id, held] : held_) {
      if (id == next) break;
      if (held.state != Held::State::kDone) return nullptr;
    }
  }
  return Find(next);
}

void Table::Set(Held& held, Held::State state) {
  if (held.state == Held::State::kReady) ready_.erase(held.id);
  if (held.state == Held::State::kWaiting) --waiting_;
  held.state = state;
  if (state == Held::State::kReady) ready_.insert(held.id);
  if (state == Held::State::kWaiting) ++waiting_;
}

void Table::Remove(StreamId id) {
  const auto at = held_.find(id);
  if (at == held_.end()) return;
  Set(at->second, Held::State::kDone);
  bytes_ -= at->second.bytes();
  held_.erase(at);
}

}  // namespace components::pubsub::redis
