// What the operator has told about one app: its manifests by kind and name, and the typed resources
// they stand for. A plain value; any thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/configuration.hpp"
#include "config/resources.hpp"
#include "control/operator/manifest.hpp"

namespace control {

class ResourceSet {
 public:
  /// Sorted by name, so that the operator's order, which is none, never looks like a change.
  using Manifests = std::map<std::string, Manifest, std::less<>>;

  const Manifests& of(ResourceKind kind) const { return kinds_[IndexOf(kind)]; }
  /// Takes a new or changed manifest. True if it says something new. One that is older than what
  /// is there is left out: events queue up while lists overtake them.
  bool Put(ResourceKind kind, Manifest manifest);
  /// Takes a resource out, under the same rule. True if it was there.
  bool Remove(ResourceKind kind, const Manifest& manifest);
  /// Makes `all` the resources of a kind. True if that changed anything.
  bool Replace(ResourceKind kind, std::vector<Manifest> all);

 private:
  std::array<Manifests, kResourceKinds.size()> kinds_;
};

/// The typed side of a ResourceSet, for one app.
struct AppResources {
  config::Resources resources;  // in scope, sorted by name within a kind
  config::Configuration configuration;
  bool asked = false;  // by OperatorClient::Ask: to be applied even if it is nothing new
};

/// Reads all manifests with the rules of config/. One that cannot be read is left out with a
/// warning in `resources.warnings`. Fails when the Configuration cannot be used.
base::Result<AppResources> DecodeResources(const ResourceSet& set, std::string_view app_id,
                                           const std::string& app_namespace);

}  // namespace control
