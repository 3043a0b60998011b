// A bounded queue between coroutines of one loop. Full blocks the sender: that is the
// back-pressure.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "async/task.hpp"
#include "async/wait.hpp"

namespace async {

template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False if the channel is closed, or the context ended first (`value` is then lost to the
  /// caller).
  Task<bool> Send(const Context& context, T value) {
    while (!closed_ && items_.size() >= capacity_) {
      if (co_await room_.Wait(context) != Wake::kReady) co_return false;
    }
    if (closed_) co_return false;
    items_.push_back(std::move(value));
    arrived_.PulseOne();
    co_return true;
  }
  bool TrySend(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    arrived_.PulseOne();
    return true;
  }
  /// The next item; nothing when the channel is closed and empty or the context ended.
  Task<std::optional<T>> Receive(const Context& context) {
    while (items_.empty()) {
      if (closed_) co_return std::nullopt;
      if (co_await arrived_.Wait(context) != Wake::kReady) co_return std::nullopt;
    }
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    // One place, one sender: if all were woken, one that sends in a loop would get ahead of the
    // others.
    room_.PulseOne();
    co_return item;
  }
  /// No more sends; what is queued can still be received.
  void Close() {
    closed_ = true;
    // Whoever is resumed may destroy the channel; the second batch is then empty with it.
    bool gone = false;
    gone_ = &gone;
    arrived_.Pulse();
    if (gone) return;
    gone_ = nullptr;
    room_.Pulse();
  }
  ~Channel() {
    if (gone_) *gone_ = true;
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }

 private:
  const std::size_t capacity_;
  bool closed_ = false;
  bool* gone_ = nullptr;  // set during Close
  std::deque<T> items_;
  Event arrived_;
  Event room_;
};

}  // namespace async
