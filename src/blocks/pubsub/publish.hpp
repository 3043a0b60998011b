// PublishBlock: the rules of publishing for one app, the same for HTTP and gRPC: names, raw or
// CloudEvent, scopes, errors and metrics. Decoding is done before, encoding after.
//
// Part of an Instance's snapshot: immutable, called on any loop. Names and texts passed as views
// must live until the task has ended.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/pubsub/named_pubsub.hpp"
#include "contracts/pubsub.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/trace.hpp"

namespace blocks::pubsub {

/// Where something is to be published; made by PublishBlock::Open, lives as long as the block.
struct PublishTarget {
  const NamedPubSub* pubsub = nullptr;
  std::string_view topic;  // as the app names it
  bool raw = false;        // no envelope is put around the data
};

struct BulkEntry {
  std::string entry_id;
  std::string data;
  std::string content_type;
  /// Of the entry alone, or nothing. Without any an entry gets no overrides and no time to live
  /// from the request's metadata either.
  std::optional<contracts::Metadata> metadata;
};
struct BulkInput {
  std::vector<BulkEntry> entries;
  contracts::Metadata metadata;  // of the request
};
/// What became of a bulk publish.
struct BulkOutcome {
  std::vector<contracts::BulkPublishFailure> failures;
  /// Set if anything failed: what is told beside the failed entries.
  std::optional<base::Error> error;
};

class PublishBlock {
 public:
  struct Options {
    std::vector<NamedPubSub> pubsubs;
    std::string app_id;
    telemetry::InstanceMetrics* metrics = nullptr;  // may be null; outlives the block
    const telemetry::Tracer* tracer = nullptr;      // the same; makes the spans of bulk entries
  };
  explicit PublishBlock(Options options);

  const std::vector<NamedPubSub>& pubsubs() const { return options_.pubsubs; }
  /// The broker of that name, or null.
  const NamedPubSub* Find(std::string_view name) const;
  /// The same for these brokers only: what lasts longer than the snapshot must not keep the others.
  std::shared_ptr<const PublishBlock> Only(std::span<const std::string_view> names) const;

  /// Checks what needs no body: the name, the topic and metadata, in this order. Handlers call it
  /// before they read a body, because a wrong name wins over a wrong body.
  base::Result<PublishTarget> Open(std::string_view pubsub, std::string_view topic,
                                   const contracts::Metadata& metadata) const;

  /// Publishes `data`. TryPublish answers at once or returns nullopt, and then nothing has happened
  /// and `metadata` is untouched; it does for brokers that take a message without a wait.
  std::optional<base::Status> TryPublish(const contracts::Call& call, const PublishTarget& target,
                                         std::string_view data, std::string_view content_type,
                                         contracts::Metadata& metadata) const;
  async::Task<base::Status> Publish(const contracts::Call& call, PublishTarget target,
                                    std::string_view data, std::string_view content_type,
                                    contracts::Metadata metadata) const;

  /// Publishes all entries, or none if one of them is malformed (the error). An outcome with
  /// failures tells which entries the broker has not taken.
  async::Task<base::Result<BulkOutcome>> BulkPublish(const contracts::Call& call,
                                                     PublishTarget target, BulkInput input) const;

  /// Publishes bytes as they are, by the normal path (scopes, namespace, metrics): what dead-letter
  /// topics and the outbox use.
  async::Task<base::Status> PublishMessage(const contracts::Call& call, const NamedPubSub& pubsub,
                                           std::string_view topic, std::string data,
                                           std::string content_type,
                                           contracts::Metadata metadata) const;

 private:
  class Timing;
  base::Result<contracts::PublishRequest> Prepare(const contracts::Call& call,
                                                  const PublishTarget& target,
                                                  std::string_view data,
                                                  std::string_view content_type,
                                                  const contracts::Metadata& metadata) const;
  base::Result<contracts::BulkPublishRequest> PrepareBulk(const contracts::Call& call,
                                                          const PublishTarget& target,
                                                          BulkInput& input) const;

  const Options options_;
};

}  // namespace blocks::pubsub
