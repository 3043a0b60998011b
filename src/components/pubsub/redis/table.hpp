// Table: the entries that a subscription holds: pulled, not yet acknowledged, in the stream's
// order. Bounded by number and by size. Plain data; own loop's thread only.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "async/timer.hpp"
#include "components/pubsub/redis/stream_reply.hpp"

namespace components::pubsub::redis {

struct Held {
  enum class State : uint8_t {
    kReady,    // for the handler
    kRunning,  // with the handler
    kWaiting,  // for its next try
    kDone,     // to be acknowledged
  };

  StreamId id;
  std::string data;
  contracts::Metadata metadata;
  /// When the broker last counted it as ours; others may take it over a processingTimeout later.
  async::TimePoint fresh;
  State state = State::kReady;
  int tries = 0;  // that did not succeed

  std::size_t bytes() const {
    std::size_t total = sizeof(Held) + data.size();
    for (const auto& [key, value] : metadata) total += key.size() + value.size();
    return total;
  }
};

class Table {
 public:
  /// What the entries may take together, roughly: the size of those to come is guessed.
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

  explicit Table(std::size_t depth) : depth_(depth) {}

  std::size_t size() const { return held_.size(); }
  std::size_t ready() const { return ready_.size(); }
  std::size_t waiting() const { return waiting_; }
  /// How many more entries to ask the broker for; 0 = none for now.
  std::size_t Wanted() const;
  /// The broker could not hand over as many as were wanted: they are large.
  void ExpectLarge() { average_ = kMaxBytes; }

  /// False if it was there already; it is fresh then.
  bool Add(Pulled pulled, async::TimePoint now);
  Held* Find(StreamId id);
  /// The first that is ready; with `strict` only if none before it has to be dealt with first. Null
  /// if there is none.
  Held* Next(bool strict);
  void Set(Held& held, Held::State state);
  void Remove(StreamId id);

  /// Ids of those for which `wanted` is true, in order.
  template <class Wanted>
  std::vector<StreamId> Ids(Wanted wanted) const {
    std::vector<StreamId> ids;
    for (const auto& [id, held] : held_) {
      if (wanted(held)) ids.push_back(id);
    }
    return ids;
  }

 private:
  const std::size_t depth_;
  std::map<StreamId, Held> held_;
  std::set<StreamId> ready_;
  std::size_t waiting_ = 0;
  std::size_t bytes_ = 0;
  std::size_t average_ = kMaxBytes / 16;  // bytes of one, lately
};

}  // namespace components::pubsub::redis
