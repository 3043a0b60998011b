// What the app answers when it is asked which topics it wants. All input is hostile. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "blocks/pubsub/subscription_spec.hpp"

namespace blocks::pubsub {

inline constexpr std::string_view kListTopicSubscriptions =
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions";

struct Discovered {
  std::vector<SubscriptionSpec> subscriptions;
  std::vector<std::string> warnings;  // one line for each entry that is left out
};

/// The body of a 200 to GET /dapr/subscribe: an array, or null. Entries without pubsubname, topic
/// or route are left out. kInvalidArgument if it is no such array.
base::Result<Discovered> ParseSubscribeAnswer(std::string_view json);
/// A ListTopicSubscriptionsResponse; its entries need no route.
base::Result<Discovered> ParseListTopicSubscriptions(std::string_view message);

}  // namespace blocks::pubsub
