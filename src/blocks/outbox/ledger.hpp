// Ledger: what this process knows of the transactions its events belong to, so that nobody has to
// look into the store for a transaction that is still running, or that has failed here.
//
// Bounded: of the oldest nothing is known any more, as of those of other processes. Any thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "async/loop.hpp"
#include "async/task.hpp"
#include "async/wait.hpp"

namespace blocks::outbox {

enum class Progress : uint8_t {
  kUnknown,    // nothing is known
  kPending,    // the store has not answered yet
  kCommitted,  // it has happened
  kUnsure,     // the store's answer was lost: it may have happened
  kAborted,    // it has not happened and will not
  kPublished,  // its event is at the topic
  kDone,       // and the marker is gone
};

class Ledger {
 public:
  explicit Ledger(std::size_t capacity = 4096) : capacity_(capacity) {}

  /// Notes a new transaction as kPending.
  void Add(const std::string& id);
  void Set(const std::string& id, Progress progress);
  Progress Get(const std::string& id) const;
  /// Waits while it is kPending, as long as the context lasts. On one loop only, always the same.
  async::Task<Progress> Settled(const async::Context& context, const std::string& id);

 private:
  struct Entry {
    Progress progress = Progress::kPending;
    async::Loop* waiting = nullptr;
    async::Event settled;  // of that loop
  };
  std::shared_ptr<Entry> Find(const std::string& id) const;

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
  std::deque<std::string> order_;
};

}  // namespace blocks::outbox
