// Consumer: one subscription: a member of a consumer group of its own.
//
// Each partition it is given has a worker, which hands over the messages in their order, one after
// the other (or batch after batch), so that partitions go on beside each other and one whose
// message fails waits alone. What is done is committed from the front: never past a message that is
// not done. Messages are fetched only as they are handed over; librdkafka keeps a small, bounded
// part of each partition ready.
//
// A group that has never committed anything commits where it starts, so that from the first
// subscription on nothing is missed. When the group deals its partitions anew, those whose handlers
// are busy (an app that is away keeps them busy for long) go on where they were if they come back.
//
// Lives on the loop it was made on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/gate.hpp"
#include "async/semaphore.hpp"
#include "components/kafka/client.hpp"
#include "components/kafka/ledger.hpp"
#include "contracts/pubsub.hpp"

namespace components::kafka {

class Consumer final : public contracts::Subscription {
 public:
  struct Options {
    std::shared_ptr<const Settings> settings;
    std::vector<std::string> topics;
    std::optional<contracts::BulkSubscribeOptions> bulk;
    contracts::MessageHandler* handler = nullptr;
    std::shared_ptr<async::BlockingPool> pool;
  };
  /// Joins the group and returns once it has been given its share, which may be nothing.
  static async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Start(
      const contracts::Call& call, Options options);
  ~Consumer() override;

  void Pause() override;
  void Resume() override;
  async::Task<base::Result<std::optional<int64_t>>> Backlog(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;

 private:
  struct Partition;
  struct Fetched;
  using Key = std::pair<std::string, int32_t>;

  explicit Consumer(Options options);
  async::Task<base::Status> Open(const contracts::Call& call);
  async::Task<base::Status> AwaitTopic(const contracts::Call& call, const std::string& topic);
  async::Task<base::Status> AwaitShare(const contracts::Call& call);

  // Events.
  async::Task<void> Serve();
  void ServeEvent(EventPtr event);
  void ServeRebalance(rd_kafka_event_t* event);
  void ServeCommitted(rd_kafka_event_t* event);
  void ServeStray(EventPtr event);

  // The group: consumer_group.cpp.
  async::Task<void> TakeShare(PartitionsPtr share);
  /// False at the end of the subscription. `fresh`: nothing was committed yet.
  async::Task<bool> FindOffsets(PartitionsPtr& share, std::vector<bool>& fresh);
  async::Task<void> GiveBack(PartitionsPtr share);
  void Assign(const rd_kafka_topic_partition_list_t* share);
  void Unassign(const rd_kafka_topic_partition_list_t* share);
  async::Task<void> CommitInTurn();
  /// Sends what may be committed of what is ours; false if there is nothing new.
  bool Commit();
  /// Stops fetching what is ours while we are paused, and goes on with it else.
  void HoldOrFetch();
  /// Has librdkafka fetch from these again now.
  async::Task<void> WakeFetchers(PartitionsPtr resumed);

  // Partitions: consumer_partition.cpp.
  async::Task<void> Work(Partition& partition);
  async::Task<void> FillBatch(Partition& partition);
  /// Takes what is fetched for the partition; false if nothing is there.
  bool Fetch(Partition& partition);
  bool TakeIn(Partition& partition, Fetched fetched);
  async::Task<std::vector<contracts::Verdict>> HandOver(Partition& partition,
                                                        const std::vector<int64_t>& offsets);
  void Settle(Partition& partition, const std::vector<int64_t>& offsets,
              const std::vector<contracts::Verdict>& verdicts);
  contracts::Message MessageOf(const rd_kafka_message_t& message) const;

  const Options options_;
  const std::size_t batch_;  // messages handed over at once
  std::unique_ptr<Client> client_;
  std::map<Key, std::unique_ptr<Partition>> partitions_;

  bool paused_ = false;
  bool closing_ = false;
  bool commit_failed_ = false;  // the last one did
  int committing_ = 0;          // commits under way
  int busy_ = 0;                // workers that run
  int in_use_ = 0;              // others that use the client
  async::Semaphore turn_{1};    // of rebalances, which come one after the other
  async::Event standing_;
  async::Event idle_;     // a worker ended, or another use of the client
  async::Event settled_;  // a handler has returned
  async::Event to_commit_;
  async::Event committed_;
  async::Event closed_;
  async::CancelToken stop_pulling_;
  async::CancelToken stop_handlers_;
  async::CancelToken stop_serving_;
  async::Gate gate_;
};

}  // namespace components::kafka
