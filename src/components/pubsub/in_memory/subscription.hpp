// A subscription of the in-memory broker: takes messages off its queue in their order and hands
// them to the handler, side by side up to a bound, or one by one, or batch by batch. What fails is
// handed over again after a pause that grows; until then it keeps its place in the queue, and where
// messages go one by one or in batches it keeps the others from passing. Lives on the loop it was
// made on.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "components/pubsub/in_memory/bus.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::in_memory {

class Subscription final : public contracts::Subscription {
 public:
  Subscription(std::shared_ptr<Bus> bus, const contracts::SubscribeRequest& request,
               contracts::MessageHandler& handler, bool side_by_side);

  void Pause() override;
  void Resume() override;
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

 private:
  async::Task<void> Run();

  // Side by side: subscription_parallel.cpp.
  struct Held {
    ItemPtr item;
    uint64_t order = 0;  // in which they were taken
    int failures = 0;
  };
  async::Task<void> RunSideBySide();
  bool StartNext();
  async::Task<void> Deliver(Held held);
  async::Task<void> DeliverAgain(Held held);

  /// Waits until there is something to hand over; false at the end of the subscription.
  async::Task<bool> AwaitMessages(const async::Context& context);
  async::Task<void> FillBatch(const async::Context& context);
  async::Task<std::vector<contracts::Verdict>> HandOver(const std::vector<ItemPtr>& items);

  const std::shared_ptr<Bus> bus_;
  contracts::MessageHandler& handler_;
  const std::optional<contracts::BulkSubscribeOptions> bulk_;
  const std::size_t batch_;  // messages handed over at once
  const std::shared_ptr<Bell> bell_;
  const std::shared_ptr<Bus::Queue> queue_;

  bool paused_ = false;
  bool closing_ = false;
  bool ended_ = false;
  std::size_t handed_ = 0;  // with the handler
  int failures_ = 0;        // in a row
  std::size_t taken_ =
      0;  // of the front of the queue: with the handler, or to be handed over again
  std::size_t resting_ = 0;  // failed, and not yet in again_
  uint64_t next_order_ = 0;
  std::map<uint64_t, Held> again_;  // to be handed over before what is next in the queue
  async::Event resumed_;
  async::Event end_;
  async::CancelToken stop_pulling_;
  async::CancelToken stop_handlers_;
  async::Gate gate_;
};

contracts::Message MessageOf(const Item& item);
/// How long a message rests that has failed so often, or a subscription in which so many failed in
/// a row.
async::Duration RestAfter(int failures);
// Messages handled without a wait before others on the loop get their turn.
inline constexpr int kAtOnce = 32;

}  // namespace components::pubsub::in_memory
