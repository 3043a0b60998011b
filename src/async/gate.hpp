// Gate: the home of background work. Nothing runs detached: a coroutine is spawned into the gate of
// whatever owns it, and the owner's shutdown closes the gate and waits until the work has left.
#pragma once

#include <cstddef>

#include "async/task.hpp"
#include "async/wait.hpp"

namespace async {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  /// Must be empty: call Close and await it before the gate goes. Aborts otherwise, because the
  /// work inside would run on with its owner gone.
  ~Gate();

  /// Runs `task` now, until its first wait, and then whenever its waits end. False (and the task is
  /// dropped unstarted) once the gate is closing. An exception that leaves the task ends the
  /// process: background work reports failure through its own Result.
  bool Spawn(Task<void> task);

  bool closing() const { return closing_; }
  std::size_t size() const { return inside_; }

  /// Refuses new work, cancels `token()` and waits until all work has left or the context ends.
  /// True if the gate is empty.
  Task<bool> Close(const Context& context);
  /// Canceled when the gate closes; background work hooks its waits into it.
  CancelToken& token() { return token_; }
  /// A context without deadline that ends when the gate closes.
  Context context() { return Context(kForever, &token_); }

 private:
  struct Runner;
  static Runner Run(Gate& gate, Task<void> task);
  void Leave();

  std::size_t inside_ = 0;
  bool closing_ = false;
  CancelToken token_;
  Event empty_;
};

}  // namespace async
