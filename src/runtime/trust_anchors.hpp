// Whom the process trusts to sign identities: one immutable snapshot, swapped live.
//
// Sources (the environment at start, a watched file, whoever else calls Publish, such as a watcher
// of a ConfigMap) publish whole sets; the newest set counts. A certificate that is no longer in the
// newest set stays trusted for a while (`linger`), so that everybody can first get an identity that
// the new set covers; then it goes, and connections that were made with its help are renewed.
// Identities (identity.hpp) wait for `changed`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/loop.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "telemetry/log.hpp"

namespace runtime {

class TrustAnchors : public std::enable_shared_from_this<TrustAnchors> {
 public:
  struct Snapshot {
    std::string pem;        // all that is trusted now, the same text for the same set
    std::string lasting;    // without what is about to go; the same as `pem` most of the time
    uint64_t version = 0;   // another one for each change of this object
    uint64_t removals = 0;  // how many times anchors have gone for good
    std::string source;     // of the newest set
  };

  /// `home`: the loop of background work. Any thread.
  static std::shared_ptr<TrustAnchors> Make(async::Loop& home, telemetry::Log log,
                                            async::Duration linger = std::chrono::seconds(10));

  /// Takes a whole new set. Any thread. kInvalidArgument for what is no list of PEM certificates:
  /// then all stays as it was. `source` names where the text is from, for logs and errors.
  base::Status Publish(const std::string& pem, const std::string& source);

  /// Publishes what `path` holds, now and whenever the file changes or what its links lead to does.
  /// The error is about now. Any thread; the watching is on the home loop.
  base::Status Follow(const std::string& path);

  /// Any thread. Never null.
  std::shared_ptr<const Snapshot> Current() const;

  /// Pulsed after each change. Home loop.
  async::Event& changed() { return changed_; }

  /// Ends the watching. Home loop; must be awaited before the last reference goes.
  async::Task<void> Close();

 private:
  TrustAnchors(async::Loop& home, telemetry::Log log, async::Duration linger)
      : home_(home), log_(std::move(log)), linger_(linger) {}
  struct Leaving {
    std::string certificate;
    async::TimePoint goes;
  };
  void Rebuild(std::string source);  // mutex_ is held
  void OnPublished();
  async::Task<void> DropLater();
  async::Task<void> Watch(std::string path);

  async::Loop& home_;
  const telemetry::Log log_;
  const async::Duration linger_;
  mutable std::mutex mutex_;
  std::vector<std::string> newest_;  // sorted, in canonical form
  std::vector<Leaving> leaving_;
  std::shared_ptr<const Snapshot> current_ = std::make_shared<const Snapshot>();
  // Home loop.
  async::Event changed_;
  async::Gate gate_;
  bool dropping_ = false;
};

}  // namespace runtime
