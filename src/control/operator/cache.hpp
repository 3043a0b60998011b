// ResourceCache: keeps the last known resources of one app in a file, so that a start while the
// operator is away goes on from them. The values of secrets that the operator has put in are part
// of what is kept (a component is nothing without its password), so the file is for this user
// alone: mode 0600 in a folder of mode 0700 that belongs to the user of the process; anything wider
// is refused. Files are replaced whole. Blocking; no loop's thread.
#pragma once

#include <string>

#include "base/result.hpp"
#include "control/operator/resource_set.hpp"

namespace control {

class ResourceCache {
 public:
  /// `directory`: what --resources-cache says; empty = nothing is kept. The file is
  /// <directory>/<namespace>/<app-id>.resources. `configuration`: the name of the app's
  /// Configuration, which must be the same when the file is read.
  ResourceCache(std::string directory, std::string app_namespace, std::string app_id,
                std::string configuration);

  bool enabled() const { return !directory_.empty(); }
  const std::string& file() const { return file_; }

  /// kNotFound when there is none yet; another error when it cannot be trusted or used.
  base::Result<ResourceSet> Load() const;
  base::Status Store(const ResourceSet& set) const;

 private:
  base::Result<int> OpenFolder(bool make) const;
  std::string Header() const;

  std::string directory_;  // --resources-cache; made if missing
  std::string folder_;     // the namespace's
  std::string name_;
  std::string file_;
  std::string app_id_;
  std::string configuration_;
};

}  // namespace control
