// The bus of one component: which subscription waits for what, and the messages that wait for it.
//
// Publishers on any loop put messages in, each subscription takes its own on its loop. One lock
// over all queues, so that a message goes to all its subscriptions or, if one of them has no room,
// to none. Nothing is called while it is held.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "async/loop.hpp"
#include "async/wait.hpp"
#include "contracts/metadata.hpp"

namespace components::pubsub::in_memory {

/// A published message, shared by the queues it stands in.
struct Item {
  std::string topic;
  std::string data;
  contracts::Metadata metadata;
  std::size_t cost = 0;  // bytes of memory, about; filled by the bus
};
using ItemPtr = std::shared_ptr<const Item>;

/// Wakes coroutines of one loop from any other. Kept alive by what is on its way to it.
struct Bell {
  explicit Bell(async::Loop* home) : loop(home) {}
  async::Loop* const loop;
  async::Event rung;  // of that loop
};
/// Pulses the bell's event, at once on its own loop.
void Ring(const std::shared_ptr<Bell>& bell);

struct Limits {
  std::size_t length = 10'000;
  std::size_t bytes = std::size_t{16} * 1024 * 1024;
};

class Bus {
 public:
  /// What waits for one subscription. Guarded by the bus.
  class Queue {
   public:
    Queue(std::string topic, std::shared_ptr<Bell> bell)
        : topic_(std::move(topic)), bell_(std::move(bell)) {}

   private:
    friend class Bus;
    const std::string topic_;
    const std::shared_ptr<Bell> bell_;
    std::deque<ItemPtr> items_;
    std::size_t bytes_ = 0;
    bool idle_ = false;  // its subscription waits for the bell
    bool paused_ = false;
  };

  explicit Bus(Limits limits) : limits_(limits) {}

  enum class Put { kTaken, kFull, kFullAndPaused };
  /// Takes the contents of `item` only if it is taken. `room`, if given, rings once after kFull as
  /// soon as there is room again.
  Put Publish(Item& item, const std::shared_ptr<Bell>& room);

  /// `room` need not ring any more.
  void Forget(const std::shared_ptr<Bell>& room);

  void Add(const std::shared_ptr<Queue>& queue);
  void Remove(const std::shared_ptr<Queue>& queue);
  void SetPaused(Queue& queue, bool paused);

  /// The first `count` messages, which stay where they are. If there are none the bell rings when
  /// one comes.
  std::vector<ItemPtr> Peek(Queue& queue, std::size_t count);
  /// How many wait. If they are fewer than `wanted` the bell rings at the next.
  std::size_t Wait(Queue& queue, std::size_t wanted);
  std::size_t Size(const Queue& queue) const;
  /// Takes a message that Peek has shown out of the queue.
  void Take(Queue& queue, const ItemPtr& item);

 private:
  using Queues = std::vector<std::shared_ptr<Queue>>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class F>
  void ForEach(std::string_view topic, F function) const;
  bool Full(const Queue& queue, std::size_t cost) const;

  const Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Queues, Hash, std::equal_to<>> topics_;
  Queues patterns_;
  std::vector<std::shared_ptr<Bell>> waiting_;  // publishers without room
};

}  // namespace components::pubsub::in_memory
