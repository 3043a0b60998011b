#include "components/kafka/ledger.hpp"

#include <algorithm>

namespace components::kafka {

void Ledger::StartAt(int64_t offset) {
  while (!entries_.empty() && entries_.front().offset < offset) entries_.pop_front();
  floor_ = offset;
  next_ = offset;
  again_until_ = entries_.empty() ? -1 : entries_.back().offset;
}

Ledger::Entry* Ledger::Find(int64_t offset) {
  const auto found = std::ranges::lower_bound(entries_, offset, {}, &Entry::offset);
  return found != entries_.end() && found->offset == offset ? &*found : nullptr;
}

bool Ledger::Knows(int64_t offset, int64_t timestamp) {
  next_ = std::max(next_, offset + 1);
  if (offset > again_until_) again_until_ = -1;
  // Settled and committed between the partition's return and this.
  if (offset <= again_until_ && offset < floor_) return true;
  for (Entry& entry : entries_) {
    if (entry.offset >= offset) break;
    // The broker has thrown it away meanwhile.
    if (entry.state == State::kLost) entry.state = State::kGivenUp;
  }
  if (entries_.empty() || offset > entries_.back().offset) return false;
  const Entry* entry = Find(offset);
  if (entry && entry->timestamp == timestamp) return entry->state != State::kLost;
  entries_.clear();
  floor_ = offset;
  next_ = offset + 1;
  return false;
}

void Ledger::Add(int64_t offset, int64_t timestamp, EventPtr event,
                 const rd_kafka_message_t* message) {
  next_ = std::max(next_, offset + 1);
  Entry* entry = Find(offset);
  if (!entry) entry = &entries_.emplace_back(Entry{.offset = offset, .timestamp = timestamp});
  entry->event = std::move(event);
  entry->message = message;
  entry->state = State::kWaiting;
}

std::vector<int64_t> Ledger::Waiting(std::size_t most) const {
  std::vector<int64_t> offsets;
  for (const Entry& entry : entries_) {
    if (offsets.size() >= most) break;
    if (entry.state == State::kWaiting) offsets.push_back(entry.offset);
  }
  return offsets;
}

std::size_t Ledger::CountWaiting() const {
  return static_cast<std::size_t>(std::ranges::count(entries_, State::kWaiting, &Entry::state));
}

bool Ledger::AnyOut() const {
  return std::ranges::find(entries_, State::kOut, &Entry::state) != entries_.end();
}

void Ledger::LoseWaiting() {
  for (Entry& entry : entries_) {
    if (entry.state != State::kWaiting) continue;
    entry.state = State::kLost;
    entry.message = nullptr;
    entry.event.reset();
  }
}

int64_t Ledger::Advance() {
  std::size_t done = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == State::kDone) {
      done = i + 1;
    } else if (entries_[i].state != State::kGivenUp) {
      break;
    }
  }
  if (done > 0) {
    floor_ = entries_[done - 1].offset + 1;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(done));
  }
  return floor_;
}

}  // namespace components::kafka
