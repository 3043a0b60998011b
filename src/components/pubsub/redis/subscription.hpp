// A subscription: pulls entries of one stream as one consumer of a group, hands them to the handler
// in their order, several at once, and acknowledges what is done.
//
// What is pulled and not acknowledged is pending at the broker, so nothing is lost with us. While
// we hold it, we tell the broker so again and again: nobody takes over what waits for an app that
// is away. What a dead consumer held is taken over when it has been silent for processingTimeout.
// All runtimes of an app have the same name at the broker, so only that silence tells whose an
// entry is.
//
// What failed stays in its place and is handed over again after a pause that grows up to
// redeliverInterval. If more than half of what may be held failed, the next to fail is left to the
// broker for processingTimeout, so that others get their turn. With a concurrency of 1 nothing
// overtakes a failed message.
//
// Lives on the loop it was made on.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "async/gate.hpp"
#include "components/pubsub/redis/reader.hpp"
#include "components/pubsub/redis/settings.hpp"
#include "components/pubsub/redis/table.hpp"
#include "contracts/pubsub.hpp"

namespace components::pubsub::redis {

class Subscription final : public contracts::Subscription {
 public:
  /// `client` and `handler` must outlive it. Nothing happens before Start.
  Subscription(components::redis::Client& client, const Settings& settings,
               const contracts::SubscribeRequest& request, contracts::MessageHandler& handler);

  /// Makes the group and begins to pull. After an error it can be destroyed.
  async::Task<base::Status> Start(const contracts::Call& call);

  void Pause() override;
  void Resume() override;
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

 private:
  // Pulling (subscription_pull.cpp).
  async::Task<void> Pull();
  async::Task<base::Status> PullOnce(std::size_t room);
  async::Task<base::Status> TakeOver();
  async::Task<base::Status> ClaimSome(std::vector<StreamId> ids);
  async::Task<void> AfterFailure(const base::Error& error, int failures);
  void Add(std::vector<Pulled> entries);
  std::chrono::milliseconds BlockTime() const;

  // Handing over.
  void Pump();
  async::Task<void> Handle(Held& held);
  void Settle(Held& held, contracts::Verdict verdict);
  async::Task<void> TryLater(StreamId id, async::Duration delay);
  void Acknowledge(StreamId id);
  async::Task<void> AcknowledgeAll();

  // Keeping what is held (subscription_keep.cpp).
  async::Task<void> Keep();
  async::Task<base::Status> Refresh();
  async::Task<base::Status> RefreshHeld(const std::vector<StreamId>& ids);
  async::Task<base::Status> VerifyHeld(const std::vector<StreamId>& ids);
  async::Task<void> AbandonReady();
  bool Stale(const Held& held) const;

  /// For one command: bounded in time, ended by the end of Close.
  async::Context Command();

  const Settings settings_;
  const std::size_t concurrency_;
  const bool strict_;  // order also over failures
  const async::Duration keep_time_;
  contracts::MessageHandler& handler_;
  const Group group_;
  Reader reader_;
  Table table_;

  bool paused_ = false;
  bool closing_ = false;
  bool pumping_ = false;
  bool pulling_ = false;
  bool acknowledging_ = false;
  bool group_stands_ = false;
  std::size_t running_ = 0;
  std::vector<StreamId> done_;      // to be acknowledged next
  async::TimePoint next_search_{};  // for entries of dead consumers

  async::Event resumed_;
  async::Event room_;     // there is room, or a reason to look again
  async::Event refresh_;  // something held is stale
  async::Event idle_;     // a handler, the puller or the acknowledger has ended
  async::CancelToken stop_pulling_;
  async::CancelToken stop_handlers_;
  async::CancelToken give_up_;  // what the broker has not answered by the end
  async::Gate gate_;
};

}  // namespace components::pubsub::redis
