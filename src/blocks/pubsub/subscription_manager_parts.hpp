// What a SubscriptionManager is made of. Private to subscription_manager.cpp and
// subscription_swap.cpp.
#pragma once

#include <memory>

#include "async/gate.hpp"
#include "blocks/pubsub/delivery_door.hpp"
#include "blocks/pubsub/subscription_manager.hpp"
#include "blocks/pubsub/subscription_runner.hpp"

namespace blocks::pubsub {

// What one loop has. Made, used and ended on that loop.
struct SubscriptionManager::LoopPart {
  std::unique_ptr<DeliveryDoor> door;
  std::shared_ptr<async::Gate> gate = std::make_shared<async::Gate>();
  async::CancelToken hurry;  // ends closings that are under way
};

// A subscription's place on its loop.
struct SubscriptionManager::Seat {
  std::unique_ptr<SubscriptionRunner> runner;
};

struct SubscriptionManager::Entry {
  std::shared_ptr<const ReadySubscription> ready;
  std::shared_ptr<const PublishBlock> publish;  // of its broker alone
  const NamedPubSub* pubsub = nullptr;          // in it
  // Of a broker that goes: as long as it is there, something may be published to that broker.
  std::weak_ptr<const PublishBlock> published_by;
  int loop = 0;
  bool standing = false;
  std::shared_ptr<Seat> seat = std::make_shared<Seat>();
};

// What is posted to the home loop holds this; `manager` is cleared there when the manager stops.
struct SubscriptionManager::Self {
  SubscriptionManager* manager;
};

}  // namespace blocks::pubsub
