// DiscoveryCache: remembers, as one small text an app-id, what the app said when it was asked for
// its configuration and its topics, so that a runtime that starts while the app is at zero goes on
// for it. A text that cannot be read is as none. Home loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "contracts/text_store.hpp"

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
  /// Remembers nothing.
  DiscoveryCache() = default;
  /// Remembers in `store`.
  explicit DiscoveryCache(std::unique_ptr<contracts::TextStore> store) : store_(std::move(store)) {}

  bool enabled() const { return store_ != nullptr; }
  std::string where() const { return store_->where(); }
  /// kNotFound when there is none yet; another error when there is one that cannot be used, or when
  /// it is not known.
  async::Task<base::Result<RememberedAnswers>> Load(const async::Context& context) const;
  async::Task<base::Status> Store(const async::Context& context,
                                  const RememberedAnswers& answers) const;

 private:
  std::unique_ptr<contracts::TextStore> store_;
};

/// A file below `directory`, which is made if it is not there: replaced whole, only for the own
/// user. Its operations block for a few kilobytes and never wait.
base::Result<std::unique_ptr<contracts::TextStore>> OpenDiscoveryFile(const std::string& directory,
                                                                      const std::string& app_id);
/// How an app's text is called among others'.
std::string DiscoveryName(std::string_view app_id);

}  // namespace blocks::pubsub
