#include "async/gate.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace async {

struct Gate::Runner {
  struct promise_type {
    Runner get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
    void unhandled_exception() const { std::terminate(); }
  };
};

Gate::Runner Gate::Run(Gate& gate, Task<void> task) {
  co_await task;
  task.Reset();  // the frame's locals go before the owner is told
  gate.Leave();
}

Gate::~Gate() {
  if (inside_ == 0) return;
  std::fprintf(stderr, "fatal: %zu tasks are still inside a destroyed gate\n", inside_);
  std::abort();
}

bool Gate::Spawn(Task<void> task) {
  if (closing_) return false;
  ++inside_;
  Run(*this, std::move(task));
  return true;
}

void Gate::Leave() {
  if (--inside_ == 0) empty_.Pulse();
}

Task<bool> Gate::Close(const Context& context) {
  closing_ = true;
  token_.Cancel();
  while (inside_ != 0) {
    if (co_await empty_.Wait(context) != Wake::kReady) break;
  }
  co_return inside_ == 0;
}

}  // namespace async
