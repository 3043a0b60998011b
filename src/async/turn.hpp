// Work that a connection does once, at the end of a loop's turn: above all the write of everything
// that its streams have produced in the turn, in one system call. Loop's thread only.
#pragma once

#include "async/loop.hpp"

namespace async {

class Turn {
 public:
  explicit Turn(Loop& loop) : loop_(loop) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Has OnTurn called at the end of this turn (of the next, if the ends of this one are being
  /// served). Asking twice is asking once.
  void RequestTurn();
  Loop& loop() const { return loop_; }

 protected:
  /// May destroy *this.
  virtual void OnTurn() = 0;
  ~Turn() { Unlink(); }
  /// Takes a request back.
  void Unlink();

 private:
  friend struct TurnQueue;
  Loop& loop_;
  Turn* next_ = nullptr;
  Turn** link_ = nullptr;  // what points to this one; null = not queued
};

}  // namespace async
