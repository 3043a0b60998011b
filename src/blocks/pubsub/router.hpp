// Router: where in the app an event goes: the first rule whose expression is true, else the default
// route. Compiled once when the subscription is read; immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/pubsub/subscription_spec.hpp"

namespace blocks::pubsub {

class Router {
 public:
  struct Route {
    std::string path;    // as it was written; gRPC apps get it
    std::string target;  // the same as the path of a URL: slash in front, escaped
  };

  /// kInvalidArgument names the rule whose expression is wrong.
  static base::Result<Router> Compile(const SubscriptionSpec& spec);
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  /// The route of the event; null when no rule matches and there is no default. An error when an
  /// expression cannot be evaluated over this event: the message then goes nowhere.
  base::Result<const Route*> Find(const CloudEvent& event) const;

 private:
  struct Rule;
  Router();
  std::vector<Rule> rules_;
  std::optional<Route> default_;
};

/// `path` as the target of a request: a slash in front, what no URL may hold escaped.
std::string TargetOf(std::string_view path);

}  // namespace blocks::pubsub
