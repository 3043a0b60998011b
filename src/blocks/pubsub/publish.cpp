#include "blocks/pubsub/publish.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/pubsub/errors.hpp"

namespace blocks::pubsub {

using contracts::Call;
using contracts::Metadata;

namespace {

// As Go reads a boolean.
std::optional<bool> ParseBool(std::string_view text) {
  for (const std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

// True if every entry has an id of its own.
bool IdsAreDistinct(const std::vector<BulkEntry>& entries) {
  std::vector<std::string_view> ids;
  ids.reserve(entries.size());
  for (const BulkEntry& entry : entries) {
    if (entry.entry_id.empty()) return false;
    ids.push_back(entry.entry_id);
  }
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) == ids.end();
}

}  // namespace

// One call of a broker, for the metrics.
class PublishBlock::Timing {
 public:
  Timing(telemetry::InstanceMetrics* metrics, const PublishTarget& target)
      : metrics_(metrics), target_(target) {
    if (metrics_) start_ = base::Clock::now();
  }
  void Done(bool success) const {
    if (metrics_) metrics_->PubsubEgress(target_.pubsub->name, target_.topic, success, Elapsed());
  }
  void BulkDone(bool success) const {
    if (metrics_) {
      metrics_->BulkPubsubEgress(target_.pubsub->name, target_.topic, success, Elapsed());
    }
  }

 private:
  double Elapsed() const {
    return std::chrono::duration<double, std::milli>(base::Clock::now() - start_).count();
  }
  telemetry::InstanceMetrics* metrics_;
  const PublishTarget& target_;
  base::TimePoint start_;
};

PublishBlock::PublishBlock(Options options) : options_(std::move(options)) {}

const NamedPubSub* PublishBlock::Find(std::string_view name) const {
  for (const NamedPubSub& named : options_.pubsubs) {
    if (named.name == name) return &named;
  }
  return nullptr;
}

std::shared_ptr<const PublishBlock> PublishBlock::Only(
    std::span<const std::string_view> names) const {
  Options options{.pubsubs = {},
                  .app_id = options_.app_id,
                  .metrics = options_.metrics,
                  .tracer = options_.tracer};
  for (const NamedPubSub& pubsub : options_.pubsubs) {
    if (std::ranges::find(names, pubsub.name) != names.end()) options.pubsubs.push_back(pubsub);
  }
  return std::make_shared<const PublishBlock>(std::move(options));
}

base::Result<PublishTarget> PublishBlock::Open(std::string_view pubsub, std::string_view topic,
                                               const Metadata& metadata) const {
  if (pubsub.empty()) return std::unexpected(NameEmpty());
  const NamedPubSub* named = Find(pubsub);
  if (!named) return std::unexpected(PubSubNotFound(pubsub));
  if (topic.empty()) return std::unexpected(TopicEmpty(pubsub));
  PublishTarget target{.pubsub = named, .topic = topic};
  const std::string* raw = metadata.FindIgnoreCase("rawPayload");
  if (raw && !raw->empty()) {
    const auto value = ParseBool(*raw);
    if (!value) return std::unexpected(BadRawPayload(pubsub, *raw));
    target.raw = *value;
  }
  return target;
}

base::Result<contracts::PublishRequest> PublishBlock::Prepare(const Call& call,
                                                              const PublishTarget& target,
                                                              std::string_view data,
                                                              std::string_view content_type,
                                                              const Metadata& metadata) const {
  const NamedPubSub& named = *target.pubsub;
  contracts::PublishRequest request;
  if (target.raw) {
    request.data = data;
    request.content_type = content_type;
  } else {
    auto envelope =
        BuildEnvelope({.app_id = options_.app_id,
                       .pubsub = named.name,
                       .topic = target.topic,
                       .data = data,
                       .content_type = content_type,
                       .trace = call.trace,
                       .metadata = &metadata,
                       .broker_expires = (named.features & contracts::kPubSubTtl) != 0});
    if (!envelope) {
      return std::unexpected(EnvelopeFailed(named.name, options_.app_id, envelope.error().message));
    }
    request.data = *std::move(envelope);
    request.content_type = kCloudEventContentType;
  }
  if (!named.scopes.MayPublish(target.topic)) {
    return std::unexpected(TopicForbidden(named.name, target.topic, options_.app_id));
  }
  request.topic = named.BrokerTopic(target.topic);
  return request;
}

std::optional<base::Status> PublishBlock::TryPublish(const Call& call, const PublishTarget& target,
                                                     std::string_view data,
                                                     std::string_view content_type,
                                                     Metadata& metadata) const {
  contracts::PubSub& broker = target.pubsub->outbound();
  if (!broker.publishes_at_once()) return std::nullopt;
  auto request = Prepare(call, target, data, content_type, metadata);
  if (!request) return std::unexpected(std::move(request).error());
  const Timing timing(options_.metrics, target);
  request->metadata = std::move(metadata);
  auto status = broker.PublishNow(*request);
  if (!status) {
    metadata = std::move(request->metadata);
    return std::nullopt;
  }
  timing.Done(status->has_value());
  if (*status) return status;
  return std::unexpected(PublishFailed(target.pubsub->name, target.topic, status->error()));
}

async::Task<base::Status> PublishBlock::Publish(const Call& call, PublishTarget target,
                                                std::string_view data,
                                                std::string_view content_type,
                                                Metadata metadata) const {
  CO_ASSIGN_OR_RETURN(contracts::PublishRequest request,
                      Prepare(call, target, data, content_type, metadata));
  request.metadata = std::move(metadata);
  const Timing timing(options_.metrics, target);
  const base::Status status = co_await target.pubsub->outbound().Publish(call, std::move(request));
  timing.Done(status.has_value());
  if (status) co_return status;
  co_return std::unexpected(PublishFailed(target.pubsub->name, target.topic, status.error()));
}

async::Task<base::Status> PublishBlock::PublishMessage(const Call& call, const NamedPubSub& pubsub,
                                                       std::string_view topic, std::string data,
                                                       std::string content_type,
                                                       Metadata metadata) const {
  if (!pubsub.scopes.MayPublish(topic)) {
    co_return std::unexpected(TopicForbidden(pubsub.name, topic, options_.app_id));
  }
  contracts::PublishRequest request{.topic = pubsub.BrokerTopic(topic),
                                    .data = std::move(data),
                                    .content_type = std::move(content_type),
                                    .metadata = std::move(metadata)};
  const PublishTarget target{.pubsub = &pubsub, .topic = topic, .raw = true};
  const Timing timing(options_.metrics, target);
  const base::Status status = co_await pubsub.outbound().Publish(call, std::move(request));
  timing.Done(status.has_value());
  if (status) co_return status;
  co_return std::unexpected(PublishFailed(pubsub.name, topic, status.error()));
}

base::Result<contracts::BulkPublishRequest> PublishBlock::PrepareBulk(const Call& call,
                                                                      const PublishTarget& target,
                                                                      BulkInput& input) const {
  const NamedPubSub& named = *target.pubsub;
  if (!IdsAreDistinct(input.entries)) {
    return std::unexpected(BulkEntryIds(named.name, target.topic, options_.app_id));
  }
  contracts::BulkPublishRequest request;
  request.entries.reserve(input.entries.size());
  for (BulkEntry& entry : input.entries) {
    contracts::BulkPublishEntry out;
    if (entry.metadata) {
      out.metadata = input.metadata;
      out.metadata.MergeFrom(*entry.metadata);
    }
    if (target.raw) {
      out.data = std::move(entry.data);
      out.content_type = std::move(entry.content_type);
    } else {
      telemetry::TraceContext span;
      const bool traced = call.trace && call.trace->IsValid();
      if (traced) {
        span = options_.tracer ? options_.tracer->StartSpan(*call.trace) : *call.trace;
      }
      auto envelope =
          BuildEnvelope({.app_id = options_.app_id,
                         .pubsub = named.name,
                         .topic = target.topic,
                         .data = entry.data,
                         .content_type = entry.content_type,
                         .trace = traced ? &span : nullptr,
                         .metadata = &out.metadata,
                         .broker_expires = (named.features & contracts::kPubSubTtl) != 0});
      if (!envelope) {
        return std::unexpected(
            EnvelopeFailed(named.name, options_.app_id, envelope.error().message));
      }
      out.data = *std::move(envelope);
      out.content_type = kCloudEventContentType;
      entry.data = std::string();
    }
    out.entry_id = std::move(entry.entry_id);
    request.entries.push_back(std::move(out));
  }
  request.topic = named.BrokerTopic(target.topic);
  request.metadata = std::move(input.metadata);
  return request;
}

async::Task<base::Result<BulkOutcome>> PublishBlock::BulkPublish(const Call& call,
                                                                 PublishTarget target,
                                                                 BulkInput input) const {
  CO_ASSIGN_OR_RETURN(contracts::BulkPublishRequest request, PrepareBulk(call, target, input));
  BulkOutcome outcome;
  const NamedPubSub& named = *target.pubsub;
  if (!named.scopes.MayPublish(target.topic)) {
    outcome.error = TopicForbidden(named.name, target.topic, options_.app_id);
    co_return outcome;
  }
  if (request.entries.empty()) co_return outcome;
  const Timing timing(options_.metrics, target);
  outcome.failures = co_await named.outbound().BulkPublish(call, std::move(request));
  timing.BulkDone(outcome.failures.empty());
  if (!outcome.failures.empty()) {
    outcome.error = PublishFailed(named.name, target.topic, outcome.failures.front().error);
  }
  co_return outcome;
}

}  // namespace blocks::pubsub
