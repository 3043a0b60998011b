// Work that a connection does once, at the end of a loop's turn: above all the write of everything
// that its streams have produced in the turn, in one system call. Loop's thread only.
#pragma once

#include "async/loop.hpp"

namespace http {

class Http2Turn {
 public:
  explicit Http2Turn(async::Loop& loop) : loop_(loop) {}
  Http2Turn(const Http2Turn&) = delete;
  Http2Turn& operator=(const Http2Turn&) = delete;

  /// Has OnTurn called at the end of this turn (of the next, if the ends of this one are being
  /// served). Asking twice is asking once.
  void RequestTurn();
  async::Loop& loop() const { return loop_; }

 protected:
  /// May destroy *this.
  virtual void OnTurn() = 0;
  ~Http2Turn() { Unlink(); }

 private:
  friend struct Http2TurnQueue;
  void Unlink();

  async::Loop& loop_;
  Http2Turn* next_ = nullptr;
  Http2Turn** link_ = nullptr;  // what points to this one; null = not queued
};

}  // namespace http
