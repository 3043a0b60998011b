// The identities of a process's apps: made when an app is to be served, shared by the forms that
// the app takes over time (a reload), ended when nobody uses them. Owned by the Host; home loop
// unless said otherwise.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "config/configuration.hpp"
#include "config/options.hpp"
#include "runtime/identity.hpp"
#include "runtime/services.hpp"
#include "runtime/trust_anchors.hpp"

namespace runtime {

/// Whether the process needs identities at all.
bool NeedsIdentity(const config::Options& options);
/// Whether an app speaks TLS with other runtimes: --enable-mtls where it is given, else, with
/// --mtls-auto, where there is a sentry and the Configuration does not turn mTLS off.
bool SecuresPeers(const config::Options& options, const config::Configuration& configuration);

/// Whether an app's lines to placement and the scheduler are TLS: in Kubernetes mode they are
/// whatever the flags say, as the control plane expects there; elsewhere as towards peers.
bool SecuresControlPlane(const config::Options& options, bool secure_peers);

class IdentityBook {
 public:
  struct App {
    std::string app_id;
    std::string app_namespace;
    std::string token_file;  // empty: the process's
  };
  /// Reads the first trust anchors (blocking); any thread. `services` outlives this.
  static base::Result<std::unique_ptr<IdentityBook>> Open(const Services& services);

  /// Told when an app's connections are to be renewed because an anchor has gone; home loop.
  void OnAnchorsGone(std::function<void(const std::string& app_id, Renew which)> told) {
    told_ = std::move(told);
  }

  /// The identity of an app. Waits for its first certificate up to `patience`; an error means that
  /// there is none. Unless `must`, sentry may come later: the identity is returned all the same,
  /// and goes on asking.
  async::Task<base::Result<std::shared_ptr<Identity>>> Get(const App& app, async::Duration patience,
                                                           bool must);
  /// Ends those that nobody else holds.
  async::Task<void> CloseUnused();
  /// Ends all background work. Must be awaited before destruction.
  async::Task<void> Close();

  /// Where other sources of anchors publish. Any thread.
  const std::shared_ptr<TrustAnchors>& anchors() const { return anchors_; }

 private:
  explicit IdentityBook(const Services& services);
  struct Entry {
    App app;
    std::shared_ptr<Identity> identity;
  };

  const Services& services_;
  std::shared_ptr<TrustAnchors> anchors_;
  std::function<void(const std::string& app_id, Renew which)> told_;
  std::vector<Entry> entries_;
  bool watching_ = false;
  async::Gate gate_;
};

}  // namespace runtime
