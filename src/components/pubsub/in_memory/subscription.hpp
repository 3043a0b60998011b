// A subscription of the in-memory broker: takes messages off its queue in their order and hands
// them to the handler one by one, or batch by batch. What fails stays at the front of the queue and
// is handed over again after a pause that grows. Lives on the loop it was made on.
#pragma once

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
               contracts::MessageHandler& handler);

  void Pause() override;
  void Resume() override;
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

 private:
  async::Task<void> Run();
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
  std::size_t handed_ = 0;
  int failures_ = 0;  // in a row
  async::Event resumed_;
  async::Event end_;
  async::CancelToken stop_pulling_;
  async::CancelToken stop_handlers_;
  async::Gate gate_;
};

}  // namespace components::pubsub::in_memory
