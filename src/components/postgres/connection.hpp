// Connection: one connection to a server, on one loop, in libpq's pipeline mode. Operations are
// queued during a turn of the loop and written at its end: all reads as one segment, each write as
// a segment of its own, because the server makes everything between two syncs one transaction.
//
// A write has succeeded only when its sync is answered: the server commits at the sync, after it
// has reported the statement as done.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/loop.hpp"
#include "async/task.hpp"
#include "async/turn.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "components/postgres/connection_string.hpp"
#include "components/postgres/operation.hpp"

struct pg_conn;    // NOLINT(readability-identifier-naming): libpq's
struct pg_result;  // NOLINT(readability-identifier-naming)

namespace components::postgres {

/// What all connections of a client have in common. Immutable while there are any.
struct ConnectionOptions {
  std::vector<std::pair<std::string, std::string>> parameters;  // libpq's, without the host
  bool prepare = true;          // keep statements prepared on the server
  async::Duration timeout{};    // a server silent for this long is given up
  async::Duration idle_time{};  // an unused connection is closed after this; 0 = never
};

class Connection final : public Holder,
                         public std::enable_shared_from_this<Connection>,
                         private async::Turn {
 public:
  class Owner {
   public:
    /// `operation` has not happened and may be done on another connection.
    virtual void Return(Operation& operation) = 0;
    /// An operation has ended: there may be room for the next.
    virtual void HasRoom() = 0;

   protected:
    ~Owner() = default;
  };

  /// `owner` may be null: then nothing is returned, it fails.
  Connection(async::Loop& loop, std::shared_ptr<const ConnectionOptions> options, Owner* owner);
  ~Connection();

  /// Connects, signs in and checks `attributes` (target_session_attrs), until the context ends.
  async::Task<base::Status> Open(const async::Context& context, const Host& host,
                                 const std::string& address, const std::string& attributes);
  /// From here on operations are served. After a successful Open.
  void Start();
  /// Waits until the connection has broken, was idle for too long or was stopped.
  auto Ended(const async::Context& context) { return ended_.Wait(context); }
  /// Gives back or fails every operation and disconnects. Call it once, after Ended.
  void Finish();
  void Stop() { ended_.Set(); }

  /// Takes the operation over; it is written at the end of this turn.
  void Submit(Operation& operation);
  void Remove(Operation& operation) override;

  bool usable() const { return started_ && !ended_.is_set(); }
  /// Operations taken and not ended.
  std::size_t reads() const { return read_count_; }
  std::size_t writes() const { return write_count_; }
  /// The server has not answered for a while: better not to queue behind what it is busy with.
  bool stalled() const;
  /// How long it has not answered although it has work.
  async::Duration silence() const {
    return entries_.empty() ? async::Duration::zero() : loop_.now() - progress_;
  }
  /// More would only fill memory: what is written waits for the network.
  bool blocked() const { return blocked_; }
  bool broken() const { return broken_.has_value(); }

  /// Is given every notification (LISTEN): channel and payload.
  void OnNotification(std::function<void(std::string_view, std::string_view)> receive) {
    notify_ = std::move(receive);
  }

 private:
  struct Entry {
    enum class What : uint8_t { kPrepare, kQuery, kSync };
    What what;
    bool write;            // of a write's segment
    uint32_t index;        // of the statement to prepare, or of the query in its operation
    Operation* operation;  // null: nobody waits for this any more
    async::TimePoint sent;
  };
  struct Watchdog : async::Timer {
    Connection* connection = nullptr;
  };
  struct ReadWaiter : async::Waiter {
    using async::Waiter::Waiter;
    Connection* connection = nullptr;
  };

  bool WatchSocket();
  base::Error OpenError(const std::string& host) const;
  void Flush();
  bool SendOperation(Operation& operation);
  bool SendQuery(Operation& operation, std::size_t index);
  bool Sync(Operation* write);
  void Append(Entry entry);
  void WriteOut();
  void WaitForData();
  void ReadAll();
  bool MoreToRead();
  void TakeResults();
  void TakeResult(pg_result* result);
  void TakeError(Entry& entry, pg_result* result);
  void TakeNotifications();
  void EndOperation(Operation& operation);
  void GiveUp(Operation& operation);
  void Break(base::Error error);
  void BreakLater();
  void Lost();
  void OnTurn() override { Flush(); }
  void ArmWatchdog();
  void OnWatchdog();

  async::Loop& loop_;
  const std::shared_ptr<const ConnectionOptions> options_;
  Owner* const owner_;
  pg_conn* connection_ = nullptr;
  std::string host_;
  async::FdWatch watch_;
  ReadWaiter read_waiter_;
  ReadWaiter write_waiter_;
  Watchdog watchdog_;
  async::Event ended_;
  std::optional<base::Error> broken_;
  bool started_ = false;
  bool blocked_ = false;

  OperationQueue unsent_reads_;
  OperationQueue unsent_writes_;
  OperationQueue failing_;
  std::deque<Entry> entries_;
  bool answered_ = false;  // the first entry has its result, its end is still to come
  std::size_t read_count_ = 0;
  std::size_t write_count_ = 0;
  async::TimePoint progress_;  // when the server last answered, or began to have work
  // For each of the client's statements: 0 = not prepared here, else part of its name.
  std::vector<uint32_t> prepared_;
  uint32_t names_ = 0;
  std::function<void(std::string_view, std::string_view)> notify_;
};

}  // namespace components::postgres
