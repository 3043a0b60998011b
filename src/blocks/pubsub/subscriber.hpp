// Subscriber: deals with the messages of one subscription of the app: decodes, routes, delivers,
// waits while the app is away, tries again when a connection broke, dead-letters, and gives the
// verdict. The component calls it on the subscription's loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "async/gate.hpp"
#include "blocks/pubsub/bulk_batch.hpp"
#include "blocks/pubsub/dead_letter.hpp"
#include "blocks/pubsub/delivery.hpp"
#include "blocks/pubsub/delivery_door.hpp"
#include "blocks/pubsub/delivery_policy.hpp"
#include "blocks/pubsub/router.hpp"
#include "blocks/pubsub/subscription_spec.hpp"
#include "contracts/pubsub.hpp"

namespace blocks::pubsub {

/// A subscription that is ready to serve. Immutable; shared by the deliveries that began under it.
struct ReadySubscription {
  SubscriptionSpec spec;
  Router router;
};

class Subscriber final : public contracts::MessageHandler {
 public:
  /// How many messages may be in our hands at a time, whatever the component would hand over.
  static constexpr int kMostInHand = 256;

  struct Options {
    std::shared_ptr<const ReadySubscription> ready;
    const AppDelivery* delivery = nullptr;
    DeliveryDoor* door = nullptr;  // of this loop
    const DeliveryPolicy* policy = nullptr;
    MessageEnd::Options end;
    std::string app_id;
    /// Counts the messages that wait for the app, with those of other subscriptions. May be null.
    std::atomic<int64_t>* pending = nullptr;
    /// Told true when too much is in hand, false when there is room again.
    std::function<void(bool)> full;
  };
  explicit Subscriber(Options options);
  ~Subscriber() override;

  async::Task<contracts::Verdict> Handle(const contracts::Call& call,
                                         contracts::Message message) override;
  async::Task<std::vector<contracts::Verdict>> HandleBatch(
      const contracts::Call& call, std::vector<contracts::Message> messages) override;

  /// New routes or another dead-letter topic; deliveries that have begun go on under the old ones.
  void Update(std::shared_ptr<const ReadySubscription> ready) { ready_ = std::move(ready); }
  /// The subscription ends: what waits for the app goes back to the broker, at once and from now
  /// on. Deliveries at the app go on until their calls are canceled.
  void ReturnHeld();
  /// Ends what is left; after the component's last call.
  async::Task<void> Close();

  int in_hand() const { return in_hand_; }
  int held() const { return held_; }

 private:
  class InHand;
  // Where a message goes; no route: why not, and whether it is then dropped or failed.
  struct Way {
    std::string topic;
    const Router::Route* route = nullptr;
    std::string why;
    bool drop = false;
  };
  struct Entry;
  struct Group;
  class Single;
  class Batch;

  Way FindWay(const ReadySubscription& ready, IncomingEvent& event) const;
  async::Task<contracts::Verdict> HandleOne(const contracts::Call& call,
                                            contracts::Message message);
  async::Task<std::vector<contracts::Verdict>> HandleMany(const contracts::Call& call,
                                                          std::vector<contracts::Message> messages);
  async::Task<void> DeliverGroup(const contracts::Call& call, const ReadySubscription& ready,
                                 Group& group);
  async::Task<DeliveryResult> Bring(const contracts::Call& call, DeliveryAttempt& attempt,
                                    int messages);
  async::Task<DeliveryResult> Knock(const contracts::Call& call, DeliveryAttempt& attempt,
                                    DeliveryDoor::Ticket& ticket);
  void Held(int messages);

  const Options options_;
  const MessageEnd end_;
  std::shared_ptr<const ReadySubscription> ready_;
  std::unique_ptr<BulkBatcher> batcher_;  // where the component makes no batches itself
  bool returning_ = false;
  int in_hand_ = 0;
  int held_ = 0;
  bool full_ = false;
};

}  // namespace blocks::pubsub
