#include "blocks/meta/health.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"

namespace blocks::meta {

Health::Health(Options options)
    : options_(std::move(options)), pending_(options_.targets), ready_(pending_.empty()) {}

void Health::MarkReady(std::string_view target) {
  const std::lock_guard lock(mutex_);
  std::erase(pending_, target);
  ready_.store(pending_.empty(), std::memory_order_release);
}

void Health::MarkNotReady(std::string_view target) {
  const std::lock_guard lock(mutex_);
  if (std::find(pending_.begin(), pending_.end(), target) == pending_.end()) {
    pending_.emplace_back(target);
  }
  ready_.store(false, std::memory_order_release);
}

base::Status Health::Check() const {
  if (!ready()) {
    const std::lock_guard lock(mutex_);
    return base::Fail(base::Kind::kUnavailable, base::ErrorId::kHealthNotReady,
                      base::StrCat("dapr is not ready: [", base::Join(pending_, " "), "]"));
  }
  if (options_.requires_app && !app_seen_.load(std::memory_order_relaxed)) {
    if (!options_.app_found || !options_.app_found()) {
      return base::Fail(base::Kind::kUnavailable, base::ErrorId::kHealthNotReady,
                        "dapr is not ready: [runtime]");
    }
    app_seen_.store(true, std::memory_order_relaxed);
  }
  return {};
}

base::Status Health::CheckOutbound() const {
  if (outbound_.load(std::memory_order_acquire)) return {};
  return base::Fail(base::Kind::kUnavailable, base::ErrorId::kOutboundHealthNotReady,
                    "dapr outbound is not ready");
}

}  // namespace blocks::meta
