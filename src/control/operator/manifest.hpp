// One resource as the operator sends it: a Kubernetes object as JSON, cut down to what has meaning
// for the runtime. Whether two manifests say the same is then a comparison of texts: labels,
// managedFields and versions change without the resource changing. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace control {

enum class ResourceKind : uint8_t {
  kComponent,
  kSubscription,
  kHttpEndpoint,
  kResiliency,
  kConfiguration,
};
inline constexpr std::array kResourceKinds = {
    ResourceKind::kComponent, ResourceKind::kSubscription, ResourceKind::kHttpEndpoint,
    ResourceKind::kResiliency, ResourceKind::kConfiguration};
inline constexpr std::size_t IndexOf(ResourceKind kind) {
  return static_cast<std::size_t>(kind);
}

/// "Component", as in a manifest's `kind`.
std::string_view KindName(ResourceKind kind);
/// "components", as in error texts.
std::string_view KindPlural(ResourceKind kind);

struct Manifest {
  std::string name;
  /// Compact JSON of apiVersion, kind, metadata (name and namespace only), spec, auth and scopes,
  /// in this order. Holds the values of secrets where the operator has put them in.
  std::string json;
  /// The object's resourceVersion; 0 = unknown.
  uint64_t version = 0;
};

/// Reads one object. kind and apiVersion are filled in where they are missing, as in the events of
/// streams. kInvalidArgument if it is no JSON object, has no name, or is of another kind; the text
/// holds nothing of its content.
base::Result<Manifest> ReadManifest(ResourceKind kind, std::string_view json);

}  // namespace control
