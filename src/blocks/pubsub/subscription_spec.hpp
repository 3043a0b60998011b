// What one subscription asks for, wherever it was written down: a Subscription resource, the app's
// answer to /dapr/subscribe or ListTopicSubscriptions, or a stream. Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/subscription.hpp"
#include "contracts/metadata.hpp"

namespace blocks::pubsub {

enum class SubscriptionSource : uint8_t { kDeclarative, kProgrammatic, kStreaming };

struct SubscriptionSpec {
  std::string pubsub;
  std::string topic;  // as the app names it
  std::map<std::string, std::string> metadata;
  std::vector<config::RouteRule> rules;
  std::string default_route;  // empty = none
  std::string dead_letter_topic;
  config::BulkSubscribe bulk;
  SubscriptionSource source = SubscriptionSource::kDeclarative;
  std::string origin;  // for messages: "Subscription orders (file.yaml:3)", "/dapr/subscribe"

  /// Whether messages are bytes and no CloudEvents (metadata rawPayload).
  bool RawPayload() const;
  /// Whether the two are one and the same to the broker, so that a running subscription can go on.
  bool SameAtBroker(const SubscriptionSpec& other) const;
  /// Whether the two differ in nothing that matters to deliveries.
  bool SameDelivery(const SubscriptionSpec& other) const;
  bool HasRoute() const { return !rules.empty() || !default_route.empty(); }
};

SubscriptionSpec SpecOf(const config::Subscription& resource);

/// What is served of both lists: one subscription for a topic of a broker. Among the declared ones
/// the first counts, among the app's own the last, and those replace declared ones. What loses is
/// named in `left_out`, one line each.
std::vector<SubscriptionSpec> MergeSubscriptions(const std::vector<SubscriptionSpec>& declared,
                                                 const std::vector<SubscriptionSpec>& own,
                                                 std::vector<std::string>& left_out);

}  // namespace blocks::pubsub
