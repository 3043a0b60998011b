#include "blocks/pubsub/subscription_spec.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace blocks::pubsub {
namespace {

bool SameTopic(const SubscriptionSpec& a, const SubscriptionSpec& b) {
  return a.pubsub == b.pubsub && a.topic == b.topic;
}

std::string LeftOut(const SubscriptionSpec& loser, const SubscriptionSpec& winner) {
  return base::StrCat(loser.origin, ": topic ", base::Quote(loser.topic), " of pubsub ",
                      loser.pubsub, " is subscribed to by ", winner.origin,
                      " too, and that one counts");
}

}  // namespace

bool SubscriptionSpec::RawPayload() const {
  for (const auto& [key, value] : metadata) {
    if (base::EqualsIgnoreCase(key, "rawPayload")) return base::ParseBoolTruthy(value);
  }
  return false;
}

bool SubscriptionSpec::SameAtBroker(const SubscriptionSpec& other) const {
  return SameTopic(*this, other) && metadata == other.metadata &&
         bulk.enabled == other.bulk.enabled &&
         bulk.max_messages_count == other.bulk.max_messages_count &&
         bulk.max_await_duration_ms == other.bulk.max_await_duration_ms;
}

bool SubscriptionSpec::SameDelivery(const SubscriptionSpec& other) const {
  const auto same_rule = [](const config::RouteRule& a, const config::RouteRule& b) {
    return a.match == b.match && a.path == b.path;
  };
  return std::equal(rules.begin(), rules.end(), other.rules.begin(), other.rules.end(),
                    same_rule) &&
         default_route == other.default_route && dead_letter_topic == other.dead_letter_topic &&
         source == other.source;
}

SubscriptionSpec SpecOf(const config::Subscription& resource) {
  SubscriptionSpec out;
  out.pubsub = resource.pubsub_name;
  out.topic = resource.topic;
  out.metadata = resource.metadata;
  out.rules = resource.rules;
  out.default_route = resource.default_route;
  out.dead_letter_topic = resource.dead_letter_topic;
  out.bulk = resource.bulk_subscribe;
  out.origin =
      base::StrCat("Subscription ", resource.meta.name, " (", resource.source.ToString(), ")");
  return out;
}

std::vector<SubscriptionSpec> MergeSubscriptions(const std::vector<SubscriptionSpec>& declared,
                                                 const std::vector<SubscriptionSpec>& own,
                                                 std::vector<std::string>& left_out) {
  std::vector<SubscriptionSpec> out;
  const auto find = [&](const SubscriptionSpec& spec) {
    return std::find_if(out.begin(), out.end(), [&](const auto& o) { return SameTopic(o, spec); });
  };
  for (const SubscriptionSpec& spec : declared) {
    const auto taken = find(spec);
    if (taken == out.end()) {
      out.push_back(spec);
    } else {
      left_out.push_back(LeftOut(spec, *taken));
    }
  }
  for (const SubscriptionSpec& spec : own) {
    const auto taken = find(spec);
    if (taken == out.end()) {
      out.push_back(spec);
    } else {
      left_out.push_back(LeftOut(*taken, spec));
      *taken = spec;
    }
  }
  return out;
}

}  // namespace blocks::pubsub
