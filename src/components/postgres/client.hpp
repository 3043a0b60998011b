// Client: one PostgreSQL database, as components use it. Operations may be started on any data
// loop; each loop has a few connections of its own, opened when first needed.
//
//   base::Result<Rows> rows = co_await client.Read(context, {.statement = &get, .params = p});
//
// Every operation ends by the earlier of the context's deadline and the client's timeout. Reads
// survive a broken connection; a write that may have happened is never sent again.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "async/loop.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "components/postgres/connection.hpp"
#include "components/postgres/pool.hpp"
#include "components/postgres/query.hpp"
#include "components/postgres/rows.hpp"
#include "components/postgres/settings.hpp"

namespace components::postgres {

/// An operation as an awaiter. `T` is Rows for one statement, Done for several.
class RunningBase : public async::WaitBase, public Operation {
 public:
  ~RunningBase() override {
    if (holder) holder->Remove(*this);
  }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> self);

 protected:
  RunningBase(Sink* sink, const async::Context& context, OperationKind kind,
              std::span<const Query> queries)
      : WaitBase(context), Operation(kind, queries), sink_(sink) {}
  /// Fills `error` if the wait ended before the operation did.
  void Settle();

 private:
  void Complete() override { Finish(async::Wake::kReady); }
  void Withdraw() override {
    if (holder) holder->Remove(*this);
  }
  Sink* sink_;
};

/// One statement.
class Running final : public RunningBase {
 public:
  Running(Sink* sink, const async::Context& context, OperationKind kind, const Query& query)
      : RunningBase(sink, context, kind, {&query_, 1}), query_(query) {}
  base::Result<Rows> await_resume() {
    Settle();
    if (error) return std::unexpected(*std::move(error));
    return std::move(rows);
  }

 private:
  Query query_;
};

/// Why a transaction did not happen, and the statement that was at fault.
struct Failure {
  base::Error error;
  std::string sqlstate;
  std::size_t index = 0;
};

/// Several statements, all or none.
class RunningTransaction final : public RunningBase {
 public:
  RunningTransaction(Sink* sink, const async::Context& context, std::span<const Query> queries)
      : RunningBase(sink, context, OperationKind::kWrite, queries) {}
  /// None: committed.
  std::optional<Failure> await_resume() {
    Settle();
    if (!error) return std::nullopt;
    return Failure{*std::move(error), std::move(sqlstate), failed};
  }
};

/// A connection of its own, for a series of statements with answers in between. Ends with this
/// object. One loop.
class Session final : public Sink {
 public:
  explicit Session(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { connection_->Stop(); }

  /// Statements run one after the other, each committed by itself unless BEGIN was sent.
  Running Run(const async::Context& context, const Query& query) {
    return {this, context, OperationKind::kWrite, query};
  }
  Connection& connection() { return *connection_; }

 private:
  bool Submit(Operation& operation) override;
  const std::shared_ptr<Connection> connection_;
};

class Client {
 public:
  explicit Client(Settings settings);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// After Close.
  ~Client();

  /// A statement worth preparing. Before the first operation only; lives as long as the client.
  const Statement& Prepare(std::string sql);

  /// Runs a statement that changes nothing.
  Running Read(const async::Context& context, const Query& query) {
    return {Here(), Bounded(context), OperationKind::kRead, query};
  }
  Running Write(const async::Context& context, const Query& query) {
    return {Here(), Bounded(context), OperationKind::kWrite, query};
  }
  /// Runs `queries` as one transaction in one round trip. They must stay alive until it has ended.
  RunningTransaction Transaction(const async::Context& context, std::span<const Query> queries) {
    return {Here(), Bounded(context), queries};
  }
  async::Task<base::Result<std::unique_ptr<Session>>> OpenSession(const async::Context& context);

  /// Closes the connections of all loops. After the last operation.
  async::Task<void> Close(const async::Context& context);

  const Settings& settings() const { return settings_; }

  // For pools. Any loop.
  const Target& target() const { return settings_.target; }
  std::shared_ptr<const ConnectionOptions> connection_options() const;
  /// Does without settings in the start-up message from now on; false if it does so already.
  bool DropStartupSettings();
  std::atomic<int>& open_connections() { return open_connections_; }
  bool MayOpen(std::size_t on_this_loop) const;

 private:
  static constexpr std::size_t kMaxLoops = 64;
  Pool* Here();
  async::Context Bounded(const async::Context& context) const {
    return context.Until(async::Loop::Current()->After(settings_.timeout));
  }

  const Settings settings_;
  std::shared_ptr<const ConnectionOptions> options_;
  std::shared_ptr<const ConnectionOptions> plain_options_;  // without start-up settings
  std::atomic<bool> plain_{false};
  std::atomic<int> open_connections_{0};
  std::vector<std::unique_ptr<Statement>> statements_;
  // Each made by its own loop; the home loop reads them at the end.
  std::array<std::atomic<Pool*>, kMaxLoops> pools_{};
};

}  // namespace components::postgres
