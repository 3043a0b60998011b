// MessageEnd: from what became of a delivery to the verdict for the broker: dead letters, metrics
// and the log. One a subscription; immutable; any loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "blocks/pubsub/delivery_result.hpp"
#include "blocks/pubsub/publish.hpp"
#include "contracts/pubsub.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace blocks::pubsub {

class MessageEnd {
 public:
  struct Options {
    std::shared_ptr<const PublishBlock> publish;    // of this broker alone
    const NamedPubSub* pubsub = nullptr;            // in it
    telemetry::InstanceMetrics* metrics = nullptr;  // may be null
    const telemetry::Log* log = nullptr;
    std::string topic;  // as the app names it
  };
  explicit MessageEnd(Options options) : options_(std::move(options)) {}

  /// The verdict after the app's last word on the message. `dead_letter_topic` empty = there is
  /// none. `elapsed_ms`: how long the delivery took.
  async::Task<contracts::Verdict> Settle(const contracts::Call& call, DeliveryResult result,
                                         const contracts::Message& message,
                                         std::string_view dead_letter_topic,
                                         double elapsed_ms) const;
  /// The verdict for a message that never went to the app: undecodable, unroutable, expired.
  /// `drop`: without a dead-letter topic it is gone; else it failed.
  async::Task<contracts::Verdict> Undeliverable(const contracts::Call& call,
                                                const contracts::Message& message,
                                                std::string_view dead_letter_topic,
                                                std::string_view why, bool drop) const;
  /// An entry of a batch; counted by the batch.
  async::Task<contracts::Verdict> SettleEntry(const contracts::Call& call, Answer answer,
                                              std::string_view why,
                                              const contracts::Message& message,
                                              std::string_view dead_letter_topic) const;

  telemetry::InstanceMetrics* metrics() const { return options_.metrics; }
  const std::string& pubsub_name() const { return options_.pubsub->name; }
  const std::string& topic() const { return options_.topic; }
  const NamedPubSub& pubsub() const { return *options_.pubsub; }
  const telemetry::Log& log() const { return *options_.log; }

 private:
  async::Task<bool> PublishDeadLetter(const contracts::Call& call,
                                      const contracts::Message& message,
                                      std::string_view topic) const;
  void Warn(std::string_view key, std::string_view what, std::string_view why) const;

  const Options options_;
};

/// success, drop or retry: the label process_status.
std::string_view ProcessStatus(Answer answer);

}  // namespace blocks::pubsub
