// Which topics of a component one app may use. Read from the component's metadata when it is
// loaded: allowedTopics, protectedTopics, publishingScopes, subscriptionScopes. Immutable; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/properties.hpp"

namespace blocks::pubsub {

class Scopes {
 public:
  /// Everything is allowed.
  Scopes() = default;
  /// The lists as they concern `app_id`. A scope is `app=topic,topic;app2=`: an app that is named
  /// has just its topics, none if the list is empty; one that is not named has all but the
  /// protected ones.
  static Scopes Make(const config::Properties& properties, std::string_view app_id);

  /// `topic` is as the app names it, without a namespace.
  bool MayPublish(std::string_view topic) const { return Allows(topic, publishing_); }
  bool MaySubscribe(std::string_view topic) const { return Allows(topic, subscription_); }
  bool operator==(const Scopes&) const = default;

 private:
  using Topics = std::vector<std::string>;  // sorted
  static std::optional<Topics> TopicsOf(std::string_view scope, std::string_view app_id);
  bool Allows(std::string_view topic, const std::optional<Topics>& scope) const;

  Topics allowed_;  // empty = all
  Topics protected_;
  std::optional<Topics> publishing_;  // nullopt = the app is not named
  std::optional<Topics> subscription_;
};

}  // namespace blocks::pubsub
