// The life of one HTTP/1.1 connection: read a head, let the handler answer, write, again.
#include "http/http1_connection.hpp"
#include "http/http1_exchange.hpp"
#include "http/http1_upgrade.hpp"
#include "http/server_core.hpp"

namespace http {
namespace {

using std::chrono::seconds;

// How long a closing connection goes on reading, so that the peer sees the answer and no reset.
constexpr seconds kLinger{2};
// How long the rest of a body that nobody wants is waited for.
constexpr seconds kDiscardTime{5};

// Runs a handler until its first wait without giving up the caller's turn. What it has produced by
// then leaves at once, and only a handler that waits costs the watch over its peer.
class RunHandler {
 public:
  RunHandler(const async::Task<void>& task, Http1Connection& connection)
      : handle_((task.operator co_await()).handle), connection_(connection) {}
  bool await_ready() const {
    handle_.resume();
    return handle_.done();
  }
  void await_suspend(std::coroutine_handle<> caller) const {
    handle_.promise().continuation = caller;
    connection_.exchange->set_flushed_by_caller(false);
    connection_.Flush();
    connection_.WatchPeer();
  }
  void await_resume() const { handle_.promise().Take(); }

 private:
  async::Task<void>::Handle handle_;
  Http1Connection& connection_;
};

// After our last byte: ends our side and reads until the peer has ended its own, for a while.
// Closing with unread input would reset the connection and take the answer with it.
async::Task<void> Linger(Http1Connection& connection) {
  co_await connection.Flushed();
  if (connection.broken() || connection.eof()) co_return;
  connection.stream->ShutdownWrite();
  const async::Context wait(connection.core.loop.After(kLinger), &connection.core.abort);
  while (connection.core.loop.now() < wait.deadline) {
    connection.in.Consume(connection.in.size());
    switch (connection.FillInput(BlockPool::kSmall)) {
      case Http1Connection::Fill::kData:
        co_await async::Yield();
        break;
      case Http1Connection::Fill::kWait:
        if (co_await async::Readable(connection.stream->watch(), wait) != async::Wake::kReady) {
          co_return;
        }
        break;
      case Http1Connection::Fill::kEof:
      case Http1Connection::Fill::kBroken:
        co_return;
    }
  }
}

// Reads what is left of a body that the handler did not want. False: it is too long, late or
// broken.
async::Task<bool> Discard(Http1Connection& connection) {
  Http1Exchange& exchange = *connection.exchange;
  connection.Flush();
  const async::Context wait(connection.core.loop.After(kDiscardTime));
  uint64_t budget = 256 * 1024;
  for (;;) {
    auto chunk = co_await NextChunk(exchange.body(), wait);
    if (!chunk) co_return false;
    if (!*chunk) co_return true;
    if ((*chunk)->size() > budget) co_return false;
    budget -= (*chunk)->size();
  }
}

}  // namespace

async::Task<void> ServeHttp1(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             const void* tag) {
  Http1Connection connection(core, std::move(stream), tag);
  async::Context wait;
  for (;;) {
    // The head of the next request.
    ParseState state = ParseState::kMore;
    async::TimePoint head_deadline = async::kForever;
    for (;;) {
      if (!connection.in.empty()) {
        if (!connection.exchange) connection.exchange = Http1Exchange::Make(connection);
        state = connection.exchange->TakeHead();
        if (state != ParseState::kMore) break;
      }
      connection.Flush();
      if (connection.pending() > 0) co_await connection.Flushed();
      if (connection.broken()) co_return;
      const bool idle = connection.in.empty() &&
                        !(connection.exchange && connection.exchange->parser().started());
      // A client that is about to use its connection again cannot know yet: the answer tells it.
      const bool last = core.draining.is_set();
      if (idle && last && core.loop.now() >= core.last_request_by) co_return;
      Http1Connection::Fill fill = connection.FillInput(BlockPool::kSmall);
      if (fill == Http1Connection::Fill::kWait) {
        if (idle) {
          connection.Rest();
          head_deadline = async::kForever;
        } else if (head_deadline == async::kForever) {
          head_deadline = core.loop.After(core.options.header_timeout);
        }
        wait.deadline = !idle  ? head_deadline
                        : last ? core.last_request_by
                               : core.loop.After(core.options.idle_timeout);
        wait.cancel = !idle ? nullptr : last ? &core.abort : &core.drain;
        const async::Wake wake = co_await async::Readable(connection.stream->watch(), wait);
        if (wake == async::Wake::kReady) continue;
        if (idle && !last && core.draining.is_set()) continue;
        if (idle) co_return;
        connection.exchange->Refuse(408, {});
        co_await Linger(connection);
        co_return;
      }
      if (fill != Http1Connection::Fill::kData) co_return;
    }

    Http1Exchange& exchange = *connection.exchange;
    exchange.set_flushed_by_caller(true);
    if (state == ParseState::kError || exchange.parser().framing().expect_unknown) {
      const ParseFault& fault = exchange.parser().fault();
      if (state == ParseState::kError && fault.status == ParseFault::kNotHttp) co_return;
      exchange.Refuse(state == ParseState::kError ? fault.status : 417, fault.detail);
      co_await Linger(connection);
      co_return;
    }

    if (exchange.parser().framing().upgrade) {
      auto upgrade = co_await AcceptUpgrade(connection);
      if (connection.broken()) co_return;
      if (upgrade) {
        // A task of its own, so that this one's frame and buffers go.
        core.connections.Spawn(
            ServeHttp2(core, connection.TakeStream(), connection.info, std::move(upgrade)));
        co_return;
      }
    }

    // The answer.
    exchange.Begin();
    ++core.in_flight;
    async::Task<void> task;
    bool waited = false;
    try {
      if (!core.handler.TryHandle(exchange)) {
        // Earlier answers must not wait for this one.
        connection.Flush();
        connection.in.Release();
        task = core.handler.Handle(exchange);
        waited = true;
        co_await RunHandler(task, connection);
      }
    } catch (...) {
      // Answered below, like a handler that returns without an answer.
    }
    if (waited) {
      task.Reset();
      if (connection.canceling()) co_await async::Yield();
      exchange.StopReading();
      connection.EndWatch();
    }
    --core.in_flight;
    exchange.set_flushed_by_caller(true);
    if (!exchange.finished()) {
      if (exchange.started()) {
        exchange.Abort();
      } else if (exchange.body_failed()) {
        exchange.Refuse(exchange.body_timed_out() ? 408 : 400, {});
      } else {
        exchange.Refuse(500, {});
      }
    }

    // The way to the next request.
    if (exchange.aborted()) {
      connection.Flush();
      if (exchange.close_delimited()) connection.stream->SetResetOnClose();
      co_return;
    }
    if (connection.broken()) co_return;
    bool close = exchange.close();
    if (!close && !exchange.body_done() && !exchange.DiscardReceived()) {
      close = exchange.body_failed() || !co_await Discard(connection);
      exchange.StopReading();
      connection.EndWatch();
    }
    if (close) {
      const bool clean =
          exchange.body_done() && connection.in.empty() && !connection.stream->watch().readable();
      if (!clean) {
        co_await Linger(connection);
      } else {
        co_await connection.Flushed();
      }
      co_return;
    }
    exchange.Reset();
    if (connection.pending() >= core.options.write_high_water) co_await connection.Flushed();
  }
}

}  // namespace http
