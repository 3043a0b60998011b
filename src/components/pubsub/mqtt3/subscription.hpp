// A subscription: hands messages of the session to its handler on the loop it was made on, and
// tells the session what became of them.
//
// A paused subscription hands nothing over; what comes meanwhile is held here unacknowledged, and
// the broker stops to send when as many are held as it allows a client. What fails is handed over
// again after a pause that grows, and stays unacknowledged until it has been handled, so that it
// outlives this process.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "components/mqtt/client.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::mqtt3 {

class Subscription final : public contracts::Subscription {
 public:
  struct Options {
    bool unsubscribe = false;  // the broker forgets the subscription when it is closed
    bool single = false;       // one message at a time, in order, also when one fails
  };

  Subscription(std::shared_ptr<mqtt::Client> client, contracts::MessageHandler& handler,
               Options options);

  const mqtt::ReceiverPtr& receiver() const { return receiver_; }

  void Pause() override { paused_ = true; }
  void Resume() override;
  /// The messages held here for want of a handler or because of a pause: of those the broker itself
  /// keeps beyond them it does not tell.
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

 private:
  class Inbox;

  void Pump();
  async::Task<void> HandOver(mqtt::MessagePtr message);

  const std::shared_ptr<mqtt::Client> client_;
  contracts::MessageHandler& handler_;
  const Options options_;
  std::shared_ptr<Inbox> inbox_;
  mqtt::ReceiverPtr receiver_;  // the inbox

  bool paused_ = false;
  bool closing_ = false;
  bool pumping_ = false;
  std::size_t handlers_ = 0;
  std::deque<mqtt::MessagePtr> queue_;
  async::Event resumed_;
  async::Event idle_;  // pulsed when the last handler has returned, or Pump has
  async::CancelToken stop_waiting_;
  async::CancelToken stop_handlers_;
  async::Gate gate_;
};

}  // namespace components::pubsub::mqtt3
