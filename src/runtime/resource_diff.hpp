// What is different between two descriptions of an app: the one place that decides what a reload
// touches. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/configuration.hpp"
#include "config/resources.hpp"

namespace runtime {

/// Whether the two are the same but for where they are written down, and their labels and
/// annotations.
bool SameResource(const config::Component& a, const config::Component& b);
bool SameResource(const config::HttpEndpoint& a, const config::HttpEndpoint& b);
bool SameResource(const config::Subscription& a, const config::Subscription& b);
bool SameResource(const config::Resiliency& a, const config::Resiliency& b);

/// Names, in the order of the resources.
struct Changes {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  bool empty() const { return added.empty() && changed.empty() && removed.empty(); }
};

/// Resources of a kind are the same one if they have the same name.
template <class T>
Changes DiffByName(const std::vector<T>& before, const std::vector<T>& after) {
  const auto find = [](const std::vector<T>& in, const std::string& name) -> const T* {
    for (const T& item : in) {
      if (item.meta.name == name) return &item;
    }
    return nullptr;
  };
  Changes out;
  for (const T& item : after) {
    const T* old = find(before, item.meta.name);
    if (!old) {
      out.added.push_back(item.meta.name);
    } else if (!SameResource(*old, item)) {
      out.changed.push_back(item.meta.name);
    }
  }
  for (const T& item : before) {
    if (!find(after, item.meta.name)) out.removed.push_back(item.meta.name);
  }
  return out;
}

struct ResourceDiff {
  Changes components;
  Changes http_endpoints;
  Changes subscriptions;
  Changes resiliencies;

  bool empty() const {
    return components.empty() && http_endpoints.empty() && subscriptions.empty() &&
           resiliencies.empty();
  }
  /// "components: added a, removed b; subscriptions: changed c"
  std::string ToString() const;
};
ResourceDiff Diff(const config::Resources& before, const config::Resources& after);

/// The members of `spec` that differ, by their names in the document: "tracing", "api"…
std::vector<std::string_view> Diff(const config::Configuration& before,
                                   const config::Configuration& after);
/// Those of them that a running app cannot take over.
std::vector<std::string_view> NeedsRestart(const std::vector<std::string_view>& changed);

/// A file that cannot be read as a whole changes nothing: puts what `before` has of such files in
/// place of what `next` has.
void KeepBroken(const config::Resources& before, config::Resources& next);

}  // namespace runtime
