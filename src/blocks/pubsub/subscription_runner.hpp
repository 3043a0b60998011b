// SubscriptionRunner: one subscription at its broker, from the first try to the close: starts it,
// again and again with back-off if need be, pauses and resumes it, and ends it. Lives on one loop
// (that of the component's Subscribe); made and destroyed there too.
#pragma once

#include <functional>
#include <memory>

#include "async/gate.hpp"
#include "blocks/pubsub/subscriber.hpp"

namespace blocks::pubsub {

class SubscriptionRunner {
 public:
  /// Why a subscription does not pull; it does when there is no reason.
  enum Reason : uint8_t { kAppAway = 1, kFull = 2, kEnding = 4 };

  /// `stands` is called once, on this loop, when the subscription stands at the broker; it may be
  /// empty.
  SubscriptionRunner(Subscriber::Options options, bool app_away, std::function<void()> stands);
  ~SubscriptionRunner();
  SubscriptionRunner(const SubscriptionRunner&) = delete;
  SubscriptionRunner& operator=(const SubscriptionRunner&) = delete;

  /// Begins. Await Close before destruction.
  void Start();
  /// Waits until the subscription stands at the broker, it is ended, or the context ends. True if
  /// it stands. The runner may be gone before this returns.
  async::Task<bool> Standing(const async::Context& context);
  void SetAppAway(bool away) { SetReason(kAppAway, away); }
  void Update(std::shared_ptr<const ReadySubscription> ready);
  /// Pulls nothing more; what waits for the app goes back to the broker.
  void BeginEnd();
  /// Ends it: deliveries at the app have until the context ends.
  async::Task<void> Close(const async::Context& context);

  int in_hand() const { return subscriber_.in_hand(); }
  int held() const { return subscriber_.held(); }
  /// What waits at the broker; nullopt where it does not tell. An error when it could not be asked:
  /// nobody knows then.
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call);

 private:
  async::Task<void> Run();
  struct Question;
  async::Task<void> Ask(async::TimePoint until, std::shared_ptr<Question> question);
  void SetReason(Reason reason, bool on);
  void TellPaused();

  const NamedPubSub& pubsub_;
  const std::string topic_;
  std::shared_ptr<const ReadySubscription> ready_;
  telemetry::InstanceMetrics* const metrics_;
  const telemetry::Log* const log_;
  const std::function<void()> stands_;
  Subscriber subscriber_;
  std::unique_ptr<contracts::Subscription> subscription_;
  uint8_t reasons_ = 0;
  bool told_paused_ = false;
  const std::shared_ptr<async::Event> standing_ = std::make_shared<async::Event>();
  async::Gate gate_;
  std::shared_ptr<Question> asking_;
  async::Gate questions_;  // to the broker; the subscription stays until they are answered
};

}  // namespace blocks::pubsub
