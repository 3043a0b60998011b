// Health: whether one app's runtime can serve. It is about this process: the app may come and go
// without changing the answer, unless the operator asks for daprd's rule (--healthz-requires-app).
// Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace blocks::meta {

class Health {
 public:
  struct Options {
    /// What must be marked before the runtime is ready.
    std::vector<std::string> targets = {"runtime"};
    /// --healthz-requires-app: not ready before the app has been seen once.
    bool requires_app = false;
    /// Whether the app is there now; asked only while it is required and has not been seen.
    std::function<bool()> app_found;
  };
  Health() : Health(Options()) {}
  explicit Health(Options options);

  void MarkReady(std::string_view target = "runtime");
  /// Takes back a mark, for the time of a drain.
  void MarkNotReady(std::string_view target = "runtime");
  /// Outgoing calls work; apps wait for it before they call.
  void MarkOutboundReady() { outbound_.store(true, std::memory_order_release); }

  /// /v1.0/healthz. kHealthNotReady, naming what is missing.
  base::Status Check() const;
  /// /v1.0/healthz/outbound.
  base::Status CheckOutbound() const;
  bool ready() const { return ready_.load(std::memory_order_acquire); }

 private:
  const Options options_;
  mutable std::mutex mutex_;
  std::vector<std::string> pending_;
  std::atomic<bool> ready_{false};
  mutable std::atomic<bool> app_seen_{false};
  std::atomic<bool> outbound_{false};
};

}  // namespace blocks::meta
