// Producer: publishes for one component. One librdkafka producer, fed from all loops; what became
// of each message is told on the home loop and passed to the loop that waits for it.
//
// With acks=all the producer is idempotent: the broker removes doubles of what is sent again. An
// idempotent producer can break for good (its past is lost at the brokers, or it may not be one);
// it is then replaced by a fresh one.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/blocking_pool.hpp"
#include "async/gate.hpp"
#include "base/result.hpp"
#include "components/kafka/settings.hpp"
#include "contracts/call.hpp"
#include "contracts/metadata.hpp"

namespace components::kafka {

struct Record {
  std::string data;
  contracts::Metadata metadata;  // partitionKey, partitionNumber; all of it becomes headers
};

class Producer {
 public:
  Producer(std::shared_ptr<const Settings> settings, async::BlockingPool& pool);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Starts it on the calling loop, its home. Does not wait for a broker.
  base::Status Start();
  /// Success when a broker answers. Home loop.
  async::Task<base::Status> Ping(const async::Context& context);
  /// Publishes all of `records` to `topic` and returns what became of each. Any loop. What has no
  /// answer by the deadline is an error of kTimeout, and may still be published.
  async::Task<std::vector<base::Status>> Send(const contracts::Call& call, const std::string& topic,
                                              std::vector<Record> records);
  /// Waits until the context ends for what is on its way, and gives the rest up. Home loop; last.
  async::Task<void> Close(const async::Context& context);

 private:
  class Link;
  struct Batch;
  struct Pending;

  base::Result<std::shared_ptr<Link>> MakeLink(bool idempotent);
  std::shared_ptr<Link> link() const;
  async::Task<void> Serve(std::shared_ptr<Link> link);
  void Replace(Link& broken);
  base::Status Put(Link& link, const std::string& topic, std::unique_ptr<Pending> pending);
  base::Error Unanswered(const Link& link, const contracts::Call& call) const;

  const std::shared_ptr<const Settings> settings_;
  async::BlockingPool& pool_;
  mutable std::mutex mutex_;
  std::shared_ptr<Link> link_;
  async::Gate gate_;
  async::CancelToken stop_;
};

}  // namespace components::kafka
