#include "components/kafka/ledger.hpp"

#include <algorithm>

namespace components::kafka {

// A busy partition has thousands of settled messages between two commits, and each message that
// comes and goes looks here.
std::deque<Ledger::Entry>::const_iterator Ledger::Open() const {
  while (settled_ < entries_.size() && (entries_[settled_].state == State::kDone ||
                                        entries_[settled_].state == State::kGivenUp)) {
    ++settled_;
  }
  return entries_.begin() + static_cast<std::ptrdiff_t>(settled_);
}

void Ledger::PopFront(std::size_t count) {
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
  settled_ -= std::min(settled_, count);
}

void Ledger::StartAt(int64_t offset) {
  PopFront(static_cast<std::size_t>(std::ranges::lower_bound(entries_, offset, {}, &Entry::offset) -
                                    entries_.begin()));
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
  for (auto i = static_cast<std::size_t>(Open() - entries_.begin()); i < entries_.size(); ++i) {
    if (entries_[i].offset >= offset) break;
    // The broker has thrown it away meanwhile.
    if (entries_[i].state == State::kLost) entries_[i].state = State::kGivenUp;
  }
  if (entries_.empty() || offset > entries_.back().offset) return false;
  const Entry* entry = Find(offset);
  if (entry && entry->timestamp == timestamp) return entry->state != State::kLost;
  entries_.clear();
  settled_ = 0;
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
  for (auto entry = Open(); entry != entries_.end() && offsets.size() < most; ++entry) {
    if (entry->state == State::kWaiting) offsets.push_back(entry->offset);
  }
  return offsets;
}

std::size_t Ledger::CountWaiting() const {
  return static_cast<std::size_t>(std::count_if(
      Open(), entries_.end(), [](const Entry& entry) { return entry.state == State::kWaiting; }));
}

bool Ledger::AnyWaiting() const {
  return std::any_of(Open(), entries_.end(),
                     [](const Entry& entry) { return entry.state == State::kWaiting; });
}

bool Ledger::AnyOut() const {
  return std::any_of(Open(), entries_.end(),
                     [](const Entry& entry) { return entry.state == State::kOut; });
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
    PopFront(done);
  }
  return floor_;
}

}  // namespace components::kafka
