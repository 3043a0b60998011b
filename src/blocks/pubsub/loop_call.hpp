// Runs a coroutine on another loop and waits for it on this one.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "async/gate.hpp"
#include "async/loop.hpp"
#include "async/task.hpp"

namespace blocks::pubsub {

namespace internal {

struct LoopCall {
  async::Event done;  // the waiting loop's
};

inline async::Task<void> RunLoopCall(std::move_only_function<async::Task<void>()> start,
                                     async::Loop& waiting, std::shared_ptr<LoopCall> call) {
  co_await start();
  waiting.Post([call = std::move(call)] { call->done.Set(); });
}

}  // namespace internal

/// Runs the task `start` makes on `loop`, inside `gate` of that loop, and returns when it has
/// ended. At once if the gate is closing. Must be awaited to its end; the task itself is what is to
/// be bounded.
inline async::Task<void> RunOnLoop(async::Loop& loop, std::shared_ptr<async::Gate> gate,
                                   std::move_only_function<async::Task<void>()> start) {
  async::Loop& here = *async::Loop::Current();
  auto call = std::make_shared<internal::LoopCall>();
  loop.Post([call, &here, gate = std::move(gate), start = std::move(start)]() mutable {
    if (gate->Spawn(internal::RunLoopCall(std::move(start), here, call))) return;
    here.Post([call] { call->done.Set(); });
  });
  const async::Context patient;
  co_await call->done.Wait(patient);
}

}  // namespace blocks::pubsub
