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
  class Waiter;
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
    std::deque<std::shared_ptr<Waiter>> waiting_;  // publishers this queue has no room for, in turn
  };

  explicit Bus(Limits limits) : limits_(limits) {}

  enum class Put { kTaken, kFull, kFullAndPaused };

  /// A publisher that waits for room. Its message is put in when its turn comes.
  class Waiter {
   public:
    explicit Waiter(async::Loop* home) : bell(std::make_shared<Bell>(home)) {}
    const std::shared_ptr<Bell> bell;  // rings when it is decided
    Item item;                         // the bus has it from kFull to the decision

   private:
    friend class Bus;
    std::shared_ptr<Queue> at_;
    Put result_ = Put::kFull;
  };

  /// Takes the contents of `item` only if it is taken. Nobody gets in before those who wait.
  Put Publish(Item& item);
  /// The same of `waiter->item`, which after kFull waits for its turn.
  Put Publish(const std::shared_ptr<Waiter>& waiter);
  /// What has become of the waiter; kFull while it waits.
  Put Result(const Waiter& waiter) const;
  /// The waiter waits no longer; what has become of it until now.
  Put Forget(const std::shared_ptr<Waiter>& waiter);

  void Add(const std::shared_ptr<Queue>& queue);
  void Remove(const std::shared_ptr<Queue>& queue);
  void SetPaused(Queue& queue, bool paused);

  /// The first `count` messages, which stay where they are. If there are none the bell rings when
  /// one comes.
  std::vector<ItemPtr> Peek(Queue& queue, std::size_t count);
  /// The message behind the first `skip`, which stays where it is. If there is none the bell rings
  /// when one comes.
  ItemPtr Next(Queue& queue, std::size_t skip);
  /// How many wait. If they are fewer than `wanted` the bell rings at the next.
  std::size_t Wait(Queue& queue, std::size_t wanted);
  std::size_t Size(const Queue& queue) const;
  /// Takes a message that Peek has shown out of the queue.
  void Take(Queue& queue, const ItemPtr& item);

 private:
  using Queues = std::vector<std::shared_ptr<Queue>>;
  using Bells = std::vector<std::shared_ptr<Bell>>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class F>
  void ForEach(std::string_view topic, F function) const;
  bool Full(const Queue& queue, std::size_t cost) const;
  /// Whether there is room for the item everywhere; for a newcomer there is none where others wait.
  /// `at` is a queue without.
  Put Look(const Item& item, bool newcomer, std::shared_ptr<Queue>& at) const;
  void Insert(Item& item, Bells& bells);
  /// Puts in what waits for room in the queue, as far as there is room now.
  void Admit(Queue& queue, Bells& bells);
  static void Decide(Waiter& waiter, Put result, Bells& bells);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Queues, Hash, std::equal_to<>> topics_;
  Queues patterns_;
};

}  // namespace components::pubsub::in_memory
