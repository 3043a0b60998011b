#include "blocks/pubsub/named_pubsub.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"

namespace blocks::pubsub {

namespace {
constexpr std::string_view kConsumerId = "consumerID";
}

std::string NamedPubSub::AppTopic(std::string_view broker_topic) const {
  std::string topic(broker_topic);
  const std::size_t at = topic_prefix.empty() ? std::string::npos : topic.find(topic_prefix);
  if (at != std::string::npos) topic.erase(at, topic_prefix.size());
  return topic;
}

NamedPubSub MakeNamedPubSub(std::shared_ptr<contracts::PubSub> pubsub,
                            const config::Component& component,
                            const config::Properties& properties, std::string_view app_id,
                            std::string_view app_namespace) {
  NamedPubSub named{.name = component.meta.name, .pubsub = std::move(pubsub)};
  named.features = named.pubsub->Features();
  named.scopes = Scopes::Make(properties, app_id);
  const bool namespaced = std::ranges::any_of(component.metadata, [](const auto& item) {
    return item.value.find("{namespace}") != std::string::npos;
  });
  if (namespaced) named.topic_prefix = app_namespace;
  return named;
}

config::Properties WithConsumerId(const config::Properties& properties, std::string_view app_id) {
  const std::string given = properties.Get(kConsumerId);
  const std::string_view trimmed = base::Trim(given);
  std::vector<config::Properties::Entry> entries = properties.entries();
  entries.push_back(
      {.name = std::string(kConsumerId), .value = std::string(trimmed.empty() ? app_id : trimmed)});
  return {properties.component(), std::move(entries)};
}

}  // namespace blocks::pubsub
