// SubscriptionManager: all subscriptions of one app-id: those of resource files, those the app asks
// for, and streams. Decides which exist, spreads them over the loops, pauses all of them while the
// app is away, swaps them when the app's wishes change, and ends them.
//
// One an Instance. Lives on the home loop; what is for any thread says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "base/result.hpp"
#include "blocks/pubsub/delivery.hpp"
#include "blocks/pubsub/delivery_door.hpp"
#include "blocks/pubsub/publish.hpp"
#include "blocks/pubsub/subscriber.hpp"
#include "blocks/pubsub/subscription_spec.hpp"
#include "config/options.hpp"
#include "contracts/app_target.hpp"
#include "telemetry/log.hpp"

namespace blocks::pubsub {

class StreamSubscription;

class SubscriptionManager {
 public:
  struct Options {
    std::string app_id;
    std::vector<SubscriptionSpec> declared;
    config::AppWake wake = config::AppWake::kRequest;
    /// The app is asked which topics it wants; nothing goes to it before its first answer.
    bool app_is_asked = false;
    /// The app's health is checked; nothing goes to it before the first good word.
    bool health_is_checked = false;
    /// Called on the home loop: whether there are subscriptions of the app, after each change.
    std::function<void(bool)> changed;
    /// The same: the doubt whether the app is there has ended.
    std::function<void()> sure;
  };
  struct Services {
    async::LoopGroup& loops;
    contracts::AppTarget& target;
    std::shared_ptr<const PublishBlock> publish;  // the first one; SetResources brings others
    telemetry::InstanceMetrics* metrics = nullptr;
    const telemetry::Tracer* tracer = nullptr;
    telemetry::Log log;
  };

  /// Fails on a declared subscription that can never be served, such as one with a wrong rule.
  static base::Result<std::shared_ptr<SubscriptionManager>> Create(Options options,
                                                                   const Services& services);
  ~SubscriptionManager();
  SubscriptionManager(const SubscriptionManager&) = delete;
  SubscriptionManager& operator=(const SubscriptionManager&) = delete;

  /// Begins to subscribe. Does not wait for anything.
  void Start();
  void OnTarget(contracts::TargetState state);
  void OnHealth(bool healthy);
  /// What the app wants, by its own word or by what is remembered of it. Wrong ones are logged and
  /// left out.
  void SetProgrammatic(std::vector<SubscriptionSpec> specs);
  /// Other resources: what is declared, and the brokers. Opens what is new and returns when that
  /// stands at the brokers, or after a few seconds; what has been taken out goes on until
  /// EndReplaced. A subscription that is the same, at the same broker, is not touched. Declared
  /// ones that can never be served are logged and left out.
  async::Task<void> SetResources(std::vector<SubscriptionSpec> declared,
                                 std::shared_ptr<const PublishBlock> publish);
  /// The loops have other brokers now: the subscriptions that SetResources has taken out end, and
  /// so do streams of brokers that are gone.
  void EndReplaced();
  /// The app has been asked and gave no usable answer: what was known stays.
  void NoAnswer();
  /// Ends all subscriptions and streams: nothing is pulled from now on, deliveries at the app have
  /// `grace`, what waits for the app goes back to the brokers. May be called again.
  async::Task<void> Stop(async::Duration grace);

  /// Those that stand at their brokers: what is published to their topics from now on is not
  /// missed. Any thread. In the order in which they came to be, streams last.
  std::vector<SubscriptionSpec> List() const;
  /// Whether the app has, or may get, work from brokers. Any thread.
  bool HasSubscriptions() const { return count_.load(std::memory_order_relaxed) > 0; }
  /// Something in front of the app says that it is not there. Home loop.
  bool in_doubt() const { return doubt_; }
  /// Messages that wait for the app. Any thread.
  int64_t pending() const { return pending_.load(std::memory_order_relaxed); }

  struct Waiting {
    std::string pubsub;
    std::string topic;
    int64_t held = 0;                // pulled, and waiting for the app
    int64_t in_hand = 0;             // those and what the app is working on
    std::optional<int64_t> backlog;  // at the broker, where it tells
    std::string unknown;             // why the broker could not be asked; empty: it was
  };
  /// What waits, subscription by subscription. All brokers are asked at once, each until the call's
  /// deadline. Home loop.
  async::Task<std::vector<Waiting>> Backlogs(const contracts::Call& call);

  // Streams: called on the loop of the stream.
  /// Registers the stream, so that the metadata shows it and Stop ends it. False once all ends.
  bool AddStream(const std::shared_ptr<StreamSubscription>& stream);
  void RemoveStream(const StreamSubscription* stream);
  /// `publish` has the broker.
  MessageEnd::Options EndOf(const PublishBlock& publish, std::string_view pubsub,
                            std::string topic) const;

 private:
  struct LoopPart;
  struct Seat;
  struct Entry;
  struct Self;

  SubscriptionManager(Options options, const Services& services);
  base::Result<std::shared_ptr<const ReadySubscription>> Prepare(
      const SubscriptionSpec& spec) const;
  std::vector<std::shared_ptr<const ReadySubscription>> Wanted();
  void Reconcile();
  async::Task<void> Apply();
  async::Task<void> ApplyOnce();
  std::shared_ptr<Entry> Open(std::shared_ptr<const ReadySubscription> ready);
  async::Task<bool> Standing(std::shared_ptr<Entry> entry, async::TimePoint until);
  bool IsOf(const Entry& entry, const ReadySubscription& ready) const;
  void Leave(std::shared_ptr<Entry> entry);
  void TellAway(const Entry& entry);
  async::Task<void> EmptyAndClose(std::shared_ptr<Entry> entry);
  async::Task<void> Ask(std::shared_ptr<Entry> entry, async::TimePoint deadline,
                        std::shared_ptr<Waiting> waiting);
  void EndStreamsOfLostBrokers();
  void EndStreamOfLostBroker(const StreamSubscription* which);
  async::Task<void> CloseEntry(std::shared_ptr<Entry> entry, async::TimePoint deadline);
  async::Task<void> EndStream(std::shared_ptr<StreamSubscription> stream, int loop,
                              async::TimePoint deadline);
  void Stands(const std::shared_ptr<Entry>& entry);
  void TellChange();
  void ListStanding();
  DoorState WantedState() const;
  void Broadcast();
  void OnRefused();
  void OnAnswered();
  async::Task<void> WatchDoubt();
  void PostHome(void (SubscriptionManager::*what)());

  const Options options_;
  Services services_;
  async::Loop& home_;
  const AppDelivery delivery_;
  std::atomic<int64_t> pending_{0};
  std::atomic<int> count_{0};
  std::vector<std::shared_ptr<LoopPart>> parts_;  // one a loop; used on it
  std::shared_ptr<Self> self_;

  // Home loop.
  std::vector<SubscriptionSpec> declared_;
  std::vector<SubscriptionSpec> programmatic_;
  std::shared_ptr<const PublishBlock> publish_;
  std::vector<std::shared_ptr<Entry>> entries_;
  std::vector<std::shared_ptr<Entry>> leaving_;   // until EndReplaced
  std::vector<std::shared_ptr<Entry>> emptying_;  // in EmptyAndClose
  std::weak_ptr<const PublishBlock> replaced_;    // the block before publish_
  bool keep_replaced_ = false;
  async::Event applied_;
  std::map<std::string, std::string> told_;  // topics last logged, by pubsub
  contracts::TargetState target_ = contracts::TargetState::kUnavailable;
  bool healthy_ = true;
  bool discovered_ = true;
  bool doubt_ = false;  // something in front of the app says it is not there
  bool watching_doubt_ = false;
  bool dirty_ = false;
  bool applying_ = false;
  bool stopping_ = false;
  int next_loop_ = 0;
  DoorState state_ = DoorState::kShut;
  async::Gate gate_;

  mutable std::mutex mutex_;
  std::vector<SubscriptionSpec> listed_;
  struct Stream {
    std::shared_ptr<StreamSubscription> stream;
    int loop = 0;
  };
  bool HasLostItsBroker(const Stream& stream) const;
  std::vector<Stream> streams_;
  bool closed_ = false;  // no more streams
};

}  // namespace blocks::pubsub
