// Pool: the connections of one client on one loop. The first serves reads, deeply pipelined; writes
// go to others, few at a time on each, because a write can wait long for a lock or a disk and what
// is queued behind it waits too. One more is opened when all are busy, up to the limit.
//
// While the server is away, operations wait for the attempt that is under way and fail with its
// error; attempts are spaced by a growing, jittered delay.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/loop.hpp"
#include "components/postgres/connection.hpp"
#include "components/postgres/operation.hpp"
#include "net/resolver.hpp"

namespace components::postgres {

class Client;

class Pool final : public Sink, public Holder, public Connection::Owner {
 public:
  Pool(Client& client, async::Loop& loop);
  ~Pool();

  bool Submit(Operation& operation) override;
  void Remove(Operation& operation) override;
  void Return(Operation& operation) override;
  void HasRoom() override { Dispatch(); }

  /// A connection beside the pool, for work that needs one of its own. Ends with Stop or Close.
  async::Task<base::Result<std::shared_ptr<Connection>>> OpenSession(const async::Context& context);

  /// Ends all connections; operations still waiting fail.
  async::Task<void> Close(const async::Context& context);

  std::size_t connections() const { return slots_.size(); }
  async::Loop& loop() const { return loop_; }

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;  // null while connecting
  };
  OperationQueue& Waiting(OperationKind kind) {
    return kind == OperationKind::kRead ? waiting_reads_ : waiting_writes_;
  }
  Connection* Choose(OperationKind kind) const;
  bool Connecting() const;
  bool MayGrow() const;
  void Grow();
  void Dispatch();
  void FailWaiting();
  async::Task<void> Keep(Slot* slot);
  async::Task<void> KeepSession(std::shared_ptr<Connection> connection);
  async::Task<base::Result<std::shared_ptr<Connection>>> Open(const async::Context& context,
                                                              Connection::Owner* owner);
  async::Task<base::Result<std::vector<std::string>>> Addresses(const async::Context& context,
                                                                const Host& host);
  async::Task<base::Result<std::shared_ptr<Connection>>> OpenHost(const async::Context& context,
                                                                  const Host& host,
                                                                  const std::string& attributes,
                                                                  Connection::Owner* owner);

  Client& client_;
  async::Loop& loop_;
  std::unique_ptr<net::Resolver> resolver_;  // made when a name is first looked up
  std::vector<std::unique_ptr<Slot>> slots_;
  OperationQueue waiting_reads_;
  OperationQueue waiting_writes_;
  OperationQueue failing_;
  base::Error last_error_;
  int failures_ = 0;
  async::TimePoint next_attempt_{};
  bool closing_ = false;
  async::Gate gate_;
};

}  // namespace components::postgres
