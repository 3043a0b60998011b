#include "http/http2_turn.hpp"

#include <coroutine>
#include <exception>
#include <utility>

namespace http {

// One a thread. A loop defers coroutines, so the queue is served by one that lives as long as the
// thread; resuming it with nothing queued does no harm.
struct Http2TurnQueue {
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

  Http2TurnQueue() : server(Serve(*this)) {}
  ~Http2TurnQueue() { server.handle.destroy(); }

  void Add(Http2Turn& turn) {
    const bool first = head == nullptr;
    turn.link_ = tail;
    turn.next_ = nullptr;
    *tail = &turn;
    tail = &turn.next_;
    if (first) turn.loop_.Defer(server.handle);
  }
  void Remove(Http2Turn& turn) {
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
      Http2Turn& turn = *batch;
      Remove(turn);
      turn.OnTurn();
    }
  }
  static Server Serve(Http2TurnQueue& queue) {
    for (;;) {
      queue.RunAll();
      co_await std::suspend_always{};
    }
  }

  Http2Turn* head = nullptr;
  Http2Turn** tail = &head;
  Http2Turn* batch = nullptr;
  Http2Turn** batch_tail = &batch;
  Server server;
};

namespace {
Http2TurnQueue& Queue() {
  thread_local Http2TurnQueue queue;
  return queue;
}
}  // namespace

void Http2Turn::RequestTurn() {
  if (!link_) Queue().Add(*this);
}

void Http2Turn::Unlink() {
  if (link_) Queue().Remove(*this);
}

}  // namespace http
