// A bounded queue between coroutines of one loop. Full blocks the sender: that is the back-pressure.
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

  /// False if the channel is closed, or the context ended first (`value` is then lost to the caller).
  Task<bool> Send(const Context& context, T value) {
    while (!closed_ && items_.size() >= capacity_) {
      if (co_await room_.Wait(context) != Wake::kReady) co_return false;
    }
    if (closed_) co_return false;
    items_.push_back(std::move(value));
    arrived_.Pulse();
    co_return true;
  }
  bool TrySend(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    arrived_.Pulse();
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
    room_.Pulse();
    co_return item;
  }
  /// No more sends; what is queued can still be received.
  void Close() {
    closed_ = true;
    arrived_.Pulse();
    room_.Pulse();
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }

 private:
  const std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
  Event arrived_;
  Event room_;
};

}  // namespace async
