// Ledger: what has become of the messages of one partition, from when they were fetched until they
// are committed.
//
// It says what may be committed (the messages up to the first one that is not done), what has to be
// handed over again, and which fetched message it knows already: after the partition went away and
// came back, or after a broker's restart, messages that somebody is still busy with come again.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "async/timer.hpp"
#include "components/kafka/rdkafka.hpp"

namespace components::kafka {

class Ledger {
 public:
  enum class State : uint8_t {
    kOut,      // the handler has it
    kWaiting,  // to be handed over, perhaps again
    kLost,     // to be fetched again
    kDone,
    kGivenUp,  // failed too often: as good as done, once a later one is
  };
  struct Entry {
    int64_t offset = 0;
    int64_t timestamp = 0;
    EventPtr event;                               // holds `message`; null for what is settled
    const rd_kafka_message_t* message = nullptr;  // of `event`
    State state = State::kWaiting;
    int failures = 0;
    async::TimePoint first_failure;
  };

  /// The partition is ours from here on. What is before has been committed, by whomever.
  void StartAt(int64_t offset);
  /// Whether a fetched message is one that is here already. If others stand at its place, because
  /// the topic was made anew, all of them are forgotten.
  bool Knows(int64_t offset, int64_t timestamp);
  /// A message that Knows did not know, now kWaiting.
  void Add(int64_t offset, int64_t timestamp, EventPtr event, const rd_kafka_message_t* message);
  /// The entry at `offset`, or null if it has been forgotten.
  Entry* Find(int64_t offset);
  /// Offsets of the first `most` that wait, in their order.
  std::vector<int64_t> Waiting(std::size_t most) const;
  std::size_t CountWaiting() const;
  bool AnyWaiting() const;
  bool AnyOut() const;
  /// The partition went away: what waits is let go and will be fetched again, by us or another.
  void LoseWaiting();

  /// The offset to commit: everything before it is done. Forgets what is before it.
  int64_t Advance();
  /// As last told by Advance or StartAt; -1 before.
  int64_t floor() const { return floor_; }
  /// The offset after the last one that was fetched.
  int64_t next() const { return next_; }
  std::size_t size() const { return entries_.size(); }

 private:
  /// Where the entries begin that are not settled; those before it wait only for a commit.
  std::deque<Entry>::const_iterator Open() const;
  void PopFront(std::size_t count);

  std::deque<Entry> entries_;        // by offset
  mutable std::size_t settled_ = 0;  // of the front, as far as anybody has looked
  int64_t floor_ = -1;
  int64_t next_ = -1;
  int64_t again_until_ = -1;  // up to here messages may come that were here before StartAt
};

}  // namespace components::kafka
