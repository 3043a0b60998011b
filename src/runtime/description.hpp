// Description: what of an app may change while it is served: its Configuration and its resources.
// Files and the operator bring new ones; the Instance finds out what is different.
#pragma once

#include <optional>

#include "config/configuration.hpp"
#include "config/resources.hpp"

namespace runtime {

struct Description {
  config::Configuration configuration;
  config::Resources resources;  // already selected for the app
};

/// A new description, or half of one: what is not set stays as it was.
struct DescriptionChange {
  std::optional<config::Configuration> configuration;  // whole and checked
  std::optional<config::Resources> resources;          // all of them, selected for the app
  /// What secret stores hold may have changed, though nothing else has: they are asked again.
  bool secrets_changed = false;
};

}  // namespace runtime
