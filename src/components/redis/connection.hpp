// Connection: one open, authenticated connection to one server, shared by everybody on its loop.
//
// Commands are appended to one output buffer and go out together at the end of the loop's turn;
// answers come in the same order and resume who waits. Two coroutines inside serve the socket: one
// reads, one writes. A connection breaks once and for all; link.hpp makes another. Own loop's
// thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "async/gate.hpp"
#include "async/turn_end.hpp"
#include "async/wait.hpp"
#include "components/redis/command.hpp"
#include "components/redis/reply_reader.hpp"
#include "net/stream.hpp"

namespace components::redis {

/// One command and its answer. Lives in the frame of whoever waits; `args` and what they refer to
/// are borrowed until the command has been handed to a connection.
struct Request {
  std::span<const Arg> args;
  /// Decides the node of a cluster; empty = any.
  std::string_view key;
  /// May be carried out twice: it can be sent again when its answer was lost.
  bool repeatable = false;

  Reply reply;          // of the server; may be an error of its
  base::Status status;  // failed: there is no reply
};

class Connection {
 public:
  struct Options {
    std::string name;  // of the server, for messages: "redis at 1.2.3.4:6379"
    /// Silence of the server for so long while it owes an answer breaks the connection; 0 = never.
    async::Duration stall{};
    std::size_t max_commands = 50'000;                // on their way
    std::size_t max_output = std::size_t{256} << 20;  // bytes not yet sent
    std::size_t max_pushed = 0;                       // see Receive
    ReplyLimits limits;
  };

  /// Takes a stream of the current loop and starts to serve it.
  static std::shared_ptr<Connection> Start(std::unique_ptr<net::Stream> stream, Options options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool broken() const { return error_.has_value(); }
  /// Why it broke.
  const base::Error& error() const { return *error_; }
  /// Success, kExhausted if too much is on its way, or why the connection is broken.
  base::Status CanSend() const;
  std::size_t commands() const { return commands_; }
  const std::string& name() const { return options_.name; }

  /// `co_await connection->Send(context, requests)` sends the commands next to each other and waits
  /// for all answers. Success: every request has its reply. kTimeout, kCanceled by the context,
  /// kExhausted (nothing was sent), or why the connection broke.
  class Sending;  // NOLINT(cppcoreguidelines-virtual-class-destructor): it is final
  [[nodiscard]] Sending Send(const async::Context& context, std::span<Request> requests);

  /// For subscribers (`max_pushed` > 0): the next message that answers no command. The server is
  /// not read from while `max_pushed` of them wait.
  async::Task<base::Result<Reply>> Receive(const async::Context& context);
  /// Sends commands whose answers, if any, come through Receive.
  base::Status SendOnly(std::span<const Arg> args);

  /// Breaks it: everybody who waits gets `error`; the batch whose answer comes next gets `of_next`,
  /// if that is given.
  void Break(base::Error error, const base::Error* of_next = nullptr);
  /// Waits until it is broken or the context ends.
  async::Task<void> WaitBroken(const async::Context& context);
  /// Breaks it if need be and waits until its coroutines have ended; before it is destroyed.
  async::Task<void> Close();

 private:
  // What the server owes: the answers to one batch, in order.
  struct Debt {
    Sending* sending;  // null: nobody waits any more
    std::size_t left;
    uint64_t starts;  // the batch's first byte, counted over the connection's life
  };
  struct StallTimer : async::Timer {
    explicit StallTimer(Connection* connection);
    Connection* connection;
  };

  Connection(std::unique_ptr<net::Stream> stream, Options options);
  void Push(Sending& sending);
  void Forget(Sending& sending);
  void Wake();
  async::Task<void> ReadLoop();
  async::Task<void> WriteLoop();
  bool Parse();
  void Deliver(Reply reply);
  void OnStall();
  void Progress();

  const Options options_;
  async::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  ReplyReader reader_;

  std::string out_;
  std::size_t out_begin_ = 0;     // written already
  uint64_t written_ = 0;          // bytes over the connection's life
  async::TurnEnd writer_{loop_};  // the writer waits here while it has nothing to do

  std::deque<Debt> debts_;
  uint64_t first_debt_ = 0;  // number of debts_.front()
  std::size_t commands_ = 0;
  async::TimePoint progress_;
  StallTimer stall_{this};

  std::deque<Reply> pushed_;
  async::Event arrived_;
  async::Event room_;

  std::optional<base::Error> error_;
  async::Event broken_;
  async::Gate gate_;
};

class Connection::Sending final : public async::WaitBase {
 public:
  Sending(Connection& connection, const async::Context& context, std::span<Request> requests)
      : WaitBase(context), connection_(connection), requests_(requests) {}
  ~Sending() { Withdraw(); }

  bool await_ready() {
    status_ = connection_.CanSend();
    return !status_ || requests_.empty();
  }
  bool await_suspend(std::coroutine_handle<> self) {
    if (!Suspend(self)) return false;
    connection_.Push(*this);
    return true;
  }
  base::Status await_resume();
  /// After the wait: whether the server may have seen the commands.
  bool sent() const { return sent_; }
  /// How many of its requests, the first ones, have their replies.
  std::size_t answered() const { return answered_; }

 private:
  friend class Connection;
  void Withdraw() override {
    if (waiting_) connection_.Forget(*this);
  }
  void End(async::Wake wake) { Finish(wake); }

  Connection& connection_;
  const std::span<Request> requests_;
  std::size_t answered_ = 0;
  uint64_t debt_ = 0;  // its number
  bool waiting_ = false;
  bool sent_ = false;
  base::Status status_;
};

inline Connection::Sending Connection::Send(const async::Context& context,
                                            std::span<Request> requests) {
  return {*this, context, requests};
}

}  // namespace components::redis
