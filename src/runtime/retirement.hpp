// Retirement: where things go when their last user, on whichever loop, has left them: back to the
// home loop, to be closed there and freed. One an Instance.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "async/gate.hpp"
#include "async/loop.hpp"

namespace runtime {

class Retirement {
 public:
  /// Home loop.
  Retirement() : state_(std::make_shared<State>(*async::Loop::Current())) {}
  ~Retirement() {
    // Somebody still holds a thing: what it comes back to must be there then.
    if (state_->alive > 0) new std::shared_ptr<State>(state_);
  }
  Retirement(const Retirement&) = delete;
  Retirement& operator=(const Retirement&) = delete;

  /// Shares `thing`. When the last copy of the pointer is gone, `close` (an async::Task<void>(T&);
  /// may be null) is awaited on the home loop, and then the thing freed there. Home loop.
  template <class T>
  std::shared_ptr<T> Share(std::unique_ptr<T> thing, async::Task<void> (*close)(T&)) {
    ++state_->alive;
    return std::shared_ptr<T>(thing.release(), [state = state_, close](T* last) {
      state->home.Post([state, close, last] { state->gate.Spawn(End(state, close, last)); });
    });
  }

  /// Waits until all that was shared has been closed and freed, or the context ends. True if
  /// nothing is left. Home loop; nothing may be shared any more.
  async::Task<bool> Close(const async::Context& context) {
    while (state_->alive > 0) {
      if (co_await state_->gone.Wait(context) != async::Wake::kReady) co_return false;
    }
    const async::Context patient;
    co_return co_await state_->gate.Close(patient);
  }

 private:
  struct State {
    explicit State(async::Loop& loop) : home(loop) {}
    async::Loop& home;
    // Home loop.
    std::size_t alive = 0;
    async::Event gone;
    async::Gate gate;
  };
  template <class T>
  static async::Task<void> End(std::shared_ptr<State> state, async::Task<void> (*close)(T&),
                               T* last) {
    std::unique_ptr<T> thing(last);
    if (close) co_await close(*thing);
    thing.reset();
    --state->alive;
    state->gone.Pulse();
  }

  const std::shared_ptr<State> state_;
};

}  // namespace runtime
