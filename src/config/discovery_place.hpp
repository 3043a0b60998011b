// Where --discovery-cache (discoveryCache of a SharedApp) keeps its texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace config {

struct DiscoveryPlace {
  enum class Kind { kFolder, kConfigMap };
  Kind kind = Kind::kFolder;
  std::string name;  // the folder, or the ConfigMap in the own namespace
};

/// "file:DIR" or "configmap:NAME"; nothing for anything else.
inline std::optional<DiscoveryPlace> ParseDiscoveryPlace(std::string_view text) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kMap = "configmap:";
  if (text.starts_with(kFile) && text.size() > kFile.size()) {
    return DiscoveryPlace{DiscoveryPlace::Kind::kFolder, std::string(text.substr(kFile.size()))};
  }
  if (!text.starts_with(kMap)) return std::nullopt;
  const std::string_view name = text.substr(kMap.size());
  // The alphabet of names of Kubernetes objects, so that the name leads to no other path.
  const bool fits = !name.empty() && name.size() <= 253 && name.front() != '.' &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == name.npos;
  if (!fits) return std::nullopt;
  return DiscoveryPlace{DiscoveryPlace::Kind::kConfigMap, std::string(name)};
}

}  // namespace config
