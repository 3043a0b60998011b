#include "contracts/pubsub.hpp"

#include "contracts/parallel.hpp"

namespace contracts {

namespace {

constexpr std::size_t kPublishAtOnce = 100;

// What the workers of one bulk publish share; lives in the frame of the operation.
struct Publishing {
  PubSub& pubsub;
  const Call& call;
  BulkPublishRequest request;
  std::vector<BulkPublishFailure> failures;
};

async::Task<void> PublishOne(Publishing& all, std::size_t i) {
  BulkPublishEntry& entry = all.request.entries[i];
  PublishRequest one{.topic = all.request.topic,
                     .data = std::move(entry.data),
                     .content_type = std::move(entry.content_type),
                     .metadata = all.request.metadata};
  one.metadata.MergeFrom(entry.metadata);
  auto published = co_await all.pubsub.Publish(all.call, std::move(one));
  if (!published) {
    all.failures.push_back({std::move(entry.entry_id), std::move(published).error()});
  }
}

}  // namespace

std::vector<std::string_view> PubSubFeatureNames(uint32_t features) {
  std::vector<std::string_view> names;
  if (features & kPubSubTtl) names.emplace_back("MESSAGE_TTL");
  if (features & kPubSubWildcards) names.emplace_back("SUBSCRIBE_WILDCARDS");
  if (features & kPubSubBulkPublish) names.emplace_back("BULK_PUBLISH");
  if (features & kPubSubBulkSubscribe) names.emplace_back("BULK_SUBSCRIBE");
  return names;
}

async::Task<std::vector<BulkPublishFailure>> PubSub::BulkPublish(const Call& call,
                                                                 BulkPublishRequest request) {
  const std::size_t count = request.entries.size();
  Publishing all{*this, call, std::move(request), {}};
  if (count > 0) co_await ForEachParallel(count, kPublishAtOnce, all, PublishOne);
  co_return std::move(all.failures);
}

}  // namespace contracts
