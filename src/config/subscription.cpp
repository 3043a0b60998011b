#include "config/subscription.hpp"

#include "config/yaml_fields.hpp"

namespace config {

void ReadSubscription(Fields& root, bool v1, Subscription& out) {
  out.source = root.source();
  ReadObjectMeta(root, out.meta);
  root.Child("spec", [&](Fields& f) {
    f.Read("pubsubname", out.pubsub_name);
    f.Read("topic", out.topic);
    f.Read("metadata", out.metadata);
    f.Read("deadLetterTopic", out.dead_letter_topic);
    f.Child("bulkSubscribe", [&](Fields& b) {
      b.Read("enabled", out.bulk_subscribe.enabled);
      b.Read("maxMessagesCount", out.bulk_subscribe.max_messages_count);
      b.Read("maxAwaitDurationMs", out.bulk_subscribe.max_await_duration_ms);
    });
    if (v1) {
      f.Read("route", out.default_route);
      return;
    }
    f.Child("routes", [&](Fields& r) {
      r.Read("default", out.default_route);
      r.Each("rules", [&](Fields& rule) {
        RouteRule value;
        rule.Read("match", value.match);
        rule.Read("path", value.path);
        out.rules.push_back(std::move(value));
      });
    });
  });
  root.Read("scopes", out.scopes);
}

base::Result<Subscription> ParseSubscription(const Document& document) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Subscription out;
  Fields root = reader.Root();
  std::string api_version;
  root.Read("apiVersion", api_version);
  ReadSubscription(root, api_version == "dapr.io/v1alpha1", out);
  RETURN_IF_ERROR(reader.status());
  return out;
}

}  // namespace config
