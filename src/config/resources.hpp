// The resources of --resources-path: read once, then chosen per app by namespace and scopes, so
// that many app-ids in one process share the parsing. Start-up and reload only; the results are
// plain values that the caller owns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/component.hpp"
#include "config/http_endpoint.hpp"
#include "config/resiliency.hpp"
#include "config/subscription.hpp"

namespace config {

/// In load order: directories as given, files by the bytes of their names, documents as they stand.
struct Resources {
  std::vector<Component> components;
  std::vector<HttpEndpoint> http_endpoints;
  std::vector<Subscription> subscriptions;
  std::vector<Resiliency> resiliencies;
  /// One line per document that was skipped because it could not be read, with file and line.
  std::vector<std::string> warnings;
  /// Files of which some document could not be read, and those without any: maybe they are being
  /// written.
  std::vector<std::string> broken_files;
};

/// Adds the documents of one file's text. Documents of other kinds are passed over; unreadable ones
/// become warnings.
void ParseResourceFile(const std::string& file, std::string_view text, Resources& out);

/// Reads every .yaml and .yml file of the directories, without regard to namespace and scopes.
/// Fails when a directory or a file cannot be read.
base::Result<Resources> ParseResources(const std::vector<std::string>& directories);

/// What of `parsed` is for `app_id`. With a namespace, resources of another one are left out (one
/// without namespace belongs to all; Resiliency is never filtered by it). Fails when a resource has
/// the name of an accepted one of its kind.
base::Result<Resources> SelectForApp(const Resources& parsed, std::string_view app_id,
                                     const std::optional<std::string>& namespace_name);

/// ParseResources and SelectForApp in one, for a process of one app.
base::Result<Resources> LoadResources(const std::vector<std::string>& directories,
                                      const std::optional<std::string>& namespace_name,
                                      std::string_view app_id);

}  // namespace config
