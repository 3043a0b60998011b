// The declarative Subscription resource. Both versions become the struct of v2alpha1.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"

namespace config {

struct BulkSubscribe {
  bool enabled = false;
  int32_t max_messages_count = 0;     // 0 = the component's default
  int32_t max_await_duration_ms = 0;  // 0 = the component's default
  bool operator==(const BulkSubscribe&) const = default;
};

struct RouteRule {
  std::string match;
  std::string path;
  bool operator==(const RouteRule&) const = default;
};

struct Subscription {
  ObjectMeta meta;
  std::string pubsub_name;
  std::string topic;
  std::map<std::string, std::string> metadata;
  std::vector<RouteRule> rules;
  std::string default_route;
  std::string dead_letter_topic;
  BulkSubscribe bulk_subscribe;
  std::vector<std::string> scopes;
  Source source;

  std::string LogName() const { return meta.name; }
};

/// Reads a document of either version (v1 `route` becomes the default route).
base::Result<Subscription> ParseSubscription(const Document& document);

void ReadSubscription(Fields& root, bool v1, Subscription& out);

}  // namespace config
