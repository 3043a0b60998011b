#include "async/turn.hpp"

#include <coroutine>
#include <exception>
#include <utility>

namespace async {

// One a thread. A loop defers coroutines, so the queue is served by one that lives as long as the
// thread; resuming it with nothing queued does no harm.
struct TurnQueue {
  struct Server {
    struct promise_type {
      Server get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const {}
      void unhandled_exception() const { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };

  TurnQueue() : server(Serve(*this)) {}
  ~TurnQueue() { server.handle.destroy(); }

  void Add(Turn& turn) {
    const bool first = head == nullptr;
    turn.link_ = tail;
    turn.next_ = nullptr;
    *tail = &turn;
    tail = &turn.next_;
    if (first) turn.loop_.Defer(server.handle);
  }
  void Remove(Turn& turn) {
    *turn.link_ = turn.next_;
    if (turn.next_) {
      turn.next_->link_ = turn.link_;
    } else if (tail == &turn.next_) {
      tail = turn.link_;
    } else {
      batch_tail = turn.link_;
    }
    turn.next_ = nullptr;
    turn.link_ = nullptr;
  }
  void RunAll() {
    // What asks again while being served waits for the next turn, so that I/O comes in between.
    batch = std::exchange(head, nullptr);
    batch_tail = tail;
    tail = &head;
    if (!batch) return;
    batch->link_ = &batch;
    while (batch) {
      Turn& turn = *batch;
      Remove(turn);
      turn.OnTurn();
    }
  }
  static Server Serve(TurnQueue& queue) {
    for (;;) {
      queue.RunAll();
      co_await std::suspend_always{};
    }
  }

  Turn* head = nullptr;
  Turn** tail = &head;
  Turn* batch = nullptr;
  Turn** batch_tail = &batch;
  Server server;
};

namespace {
TurnQueue& Queue() {
  thread_local TurnQueue queue;
  return queue;
}
}  // namespace

void Turn::RequestTurn() {
  if (!link_) Queue().Add(*this);
}

void Turn::Unlink() {
  if (link_) Queue().Remove(*this);
}

}  // namespace async
