#include "blocks/outbox/ledger.hpp"

#include <utility>

namespace blocks::outbox {

std::shared_ptr<Ledger::Entry> Ledger::Find(const std::string& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second;
}

void Ledger::Add(const std::string& id) {
  auto entry = std::make_shared<Entry>();
  const std::lock_guard lock(mutex_);
  if (order_.size() >= capacity_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  entries_[id] = std::move(entry);
  order_.push_back(id);
}

void Ledger::Set(const std::string& id, Progress progress) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = Find(id);
  if (!entry) return;
  entry->progress = progress;
  if (async::Loop* loop = std::exchange(entry->waiting, nullptr)) {
    loop->Post([entry] { entry->settled.Set(); });
  }
}

Progress Ledger::Get(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Entry> entry = Find(id);
  return entry ? entry->progress : Progress::kUnknown;
}

async::Task<Progress> Ledger::Settled(const async::Context& context, const std::string& id) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    entry = Find(id);
    if (!entry) co_return Progress::kUnknown;
    if (entry->progress != Progress::kPending) co_return entry->progress;
    entry->waiting = async::Loop::Current();
  }
  co_await entry->settled.Wait(context);
  const std::lock_guard lock(mutex_);
  co_return entry->progress;
}

}  // namespace blocks::outbox
