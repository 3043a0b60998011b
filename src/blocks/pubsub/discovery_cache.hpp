// DiscoveryCache: remembers, in one small file an app-id, what the app said when it was asked for
// its configuration and its topics, so that a runtime that starts while the app is at zero goes on
// for it. Files are replaced whole; one that cannot be read is as none. Blocking, a few kilobytes;
// home loop.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace blocks::pubsub {

/// The app's words as they came. Empty optional = it was not asked, or did not say.
struct RememberedAnswers {
  std::optional<std::string> config;         // body of /dapr/config
  std::optional<std::string> subscriptions;  // body of /dapr/subscribe, or the gRPC message
  bool grpc = false;                         // which of the two
  bool operator==(const RememberedAnswers&) const = default;
};

class DiscoveryCache {
 public:
  /// `where` is what --discovery-cache says: "file:DIR"; empty = nothing is remembered.
  static base::Result<DiscoveryCache> Open(const std::string& where, const std::string& app_id);

  bool enabled() const { return !file_.empty(); }
  const std::string& file() const { return file_; }
  /// kNotFound when there is none yet; another error when there is one that cannot be used.
  base::Result<RememberedAnswers> Load() const;
  base::Status Store(const RememberedAnswers& answers) const;

 private:
  std::string file_;
};

}  // namespace blocks::pubsub
