// Consumer: takes messages off one queue and hands each to a handler, for as long as it exists:
// through pauses, lost connections and restarts of the broker. Lives on the loop it was started on.
//
// A pause ends the consuming at the broker; what has been handed out stays with us unsettled, up to
// `hold` (brokers break the channel of whoever holds messages for longer, by default after 30
// minutes), and then goes back. A queue that deletes itself without a consumer keeps one through a
// pause: one that takes a single message.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/link.hpp"
#include "contracts/pubsub.hpp"

namespace components::rabbitmq {

/// The owner of a consumer. Called on its loop, for several messages at once unless `single`.
class ConsumerHandler {
 public:
  virtual async::Task<contracts::Verdict> OnMessage(const contracts::Call& call,
                                                    Delivery delivery) = 0;

 protected:
  ~ConsumerHandler() = default;
};

struct ConsumerOptions {
  std::string component;  // for the log
  Topology topology;      // declared whenever a channel is opened
  std::string queue;
  bool auto_delete = false;     // the queue goes when its last consumer does
  bool counts_returns = false;  // the broker counts how often a message comes back (quorum queues)
  bool single = false;          // one message at a time, in the queue's order
  bool acknowledge_always = false;  // what failed too
  bool requeue = false;             // what failed goes back to its queue, after a pause
  uint16_t prefetch = 64;           // the most messages that are here at once
  std::chrono::nanoseconds hold = std::chrono::minutes(10);
  std::chrono::nanoseconds reconnect_wait = std::chrono::seconds(3);
};

class Consumer final : ChannelListener {
 public:
  /// Both must outlive it.
  Consumer(Link& link, ConsumerHandler& handler, ConsumerOptions options);
  ~Consumer();

  /// Returns when the consumer stands at the broker. After an error nothing runs; Close is not
  /// needed then.
  async::Task<base::Status> Start(const async::Context& context);
  void Pause();
  void Resume();
  /// What waits in the queue and here, without what has been handed over.
  async::Task<base::Result<int64_t>> Backlog(const async::Context& context);
  /// Hands over nothing more, waits for handlers until the context ends, then cancels them, and
  /// gives everything unsettled back.
  async::Task<void> Close(const async::Context& context);

 private:
  // What is at the broker for us.
  enum class Mode : uint8_t { kNone, kConsuming, kKeeping };
  struct Held {
    Delivery delivery;
    async::TimePoint arrived;
  };
  struct InHand {
    uint64_t tag = 0;
    async::TimePoint arrived;
    bool gone = false;  // settled, or the broker has it again
    async::CancelToken cancel;
  };
  using InHandPtr = std::shared_ptr<InHand>;

  void OnDelivery(Delivery delivery) override;
  void OnConsumerEnded(std::string_view consumer) override;
  void OnChannelBroken() override;

  async::Task<void> Run();
  async::Task<base::Status> Attach(const async::Context& context, int attempts);
  async::Task<base::Status> Declare(const async::Context& context, Channel& channel);
  async::Task<base::Status> Steer(const async::Context& context);
  async::Task<base::Status> Switch(const async::Context& context, Mode wanted);
  async::TimePoint NextReturn() const;
  void ReturnOld();
  void Drop();
  void CancelAll();

  void HandOver();
  async::Task<void> HandleOne(Held held);
  async::Task<void> Settle(InHandPtr in_hand, contracts::Verdict verdict, std::size_t hash);
  async::Task<void> GiveBack(InHandPtr in_hand);
  async::Duration FailurePause(std::size_t hash);
  bool ready() const { return channel_ && !channel_->broken(); }
  bool idle() const { return paused_ || closing_; }

  Link& link_;
  ConsumerHandler& handler_;
  const ConsumerOptions options_;
  std::shared_ptr<Channel> channel_;
  uint64_t channel_number_ = 0;  // counts channels
  Mode mode_ = Mode::kNone;
  std::string consumer_;  // the tag of the present one
  bool lost_ = false;     // the broker has ended the consumer
  bool recovering_ = false;
  bool paused_ = false;
  bool closing_ = false;
  bool handing_over_ = false;

  std::deque<Held> buffer_;                        // came, not handed over
  std::list<InHandPtr> in_hand_;                   // handed over, not settled
  std::unordered_map<std::size_t, int> failures_;  // by the hash of the body
  int returns_ = 0;                                // in a row

  async::Event change_;   // something for Run
  async::Event settled_;  // fewer in hand
  async::Event resumed_;
  async::CancelToken stop_;
  async::Gate gate_;
};

}  // namespace components::rabbitmq
