#include "blocks/pubsub/scopes.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace blocks::pubsub {

namespace {

std::vector<std::string> SortedList(std::string_view text) {
  std::vector<std::string> topics = base::SplitTrimmed(text, ',');
  std::ranges::sort(topics);
  return topics;
}

bool Holds(const std::vector<std::string>& sorted, std::string_view topic) {
  return std::ranges::binary_search(sorted, topic);
}

}  // namespace

Scopes Scopes::Make(const config::Properties& properties, std::string_view app_id) {
  Scopes scopes;
  scopes.allowed_ = SortedList(properties.Get("allowedTopics"));
  scopes.protected_ = SortedList(properties.Get("protectedTopics"));
  scopes.publishing_ = TopicsOf(properties.Get("publishingScopes"), app_id);
  scopes.subscription_ = TopicsOf(properties.Get("subscriptionScopes"), app_id);
  return scopes;
}

std::optional<Scopes::Topics> Scopes::TopicsOf(std::string_view scope, std::string_view app_id) {
  std::optional<Topics> topics;
  for (const std::string_view part : base::SplitView(scope, ';')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || base::Trim(part.substr(0, equals)) != app_id) continue;
    if (!topics) topics.emplace();
    for (std::string& topic : base::SplitTrimmed(part.substr(equals + 1), ',')) {
      topics->push_back(std::move(topic));
    }
  }
  if (topics) std::ranges::sort(*topics);
  return topics;
}

bool Scopes::Allows(std::string_view topic, const std::optional<Topics>& scope) const {
  if (!allowed_.empty() && !Holds(allowed_, topic)) return false;
  if (scope) return Holds(*scope, topic);
  return !Holds(protected_, topic);
}

}  // namespace blocks::pubsub
