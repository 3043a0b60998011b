#include "runtime/trust_anchors.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/strings.hpp"
#include "net/certificates.hpp"
#include "runtime/path_watch.hpp"

namespace runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
// Changes come in several steps; the file is read a short while after the last.
constexpr milliseconds kSettle{100};
// Where the kernel gives no watch, or loses an event.
constexpr seconds kLookAgain{60};

}  // namespace

std::shared_ptr<TrustAnchors> TrustAnchors::Make(async::Loop& home, telemetry::Log log,
                                                 async::Duration linger) {
  return std::shared_ptr<TrustAnchors>(new TrustAnchors(home, std::move(log), linger));
}

std::shared_ptr<const TrustAnchors::Snapshot> TrustAnchors::Current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

void TrustAnchors::Rebuild(std::string source) {
  auto next = std::make_shared<Snapshot>();
  next->lasting = base::Join(newest_, "");
  std::vector<std::string> all = newest_;
  for (const Leaving& leaving : leaving_) all.push_back(leaving.certificate);
  std::sort(all.begin(), all.end());
  next->pem = base::Join(all, "");
  next->version = current_->version + 1;
  next->removals = current_->removals;
  next->source = std::move(source);
  current_ = std::move(next);
}

base::Status TrustAnchors::Publish(const std::string& pem, const std::string& source) {
  auto parsed = net::SplitCertificates(pem, "trust anchors");
  if (!parsed) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat(parsed.error().message, " (from ", source,
                                   "); give the root certificates as PEM text"));
  }
  std::size_t added = 0;
  std::size_t removed = 0;
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (*parsed == newest_) return {};
    first = newest_.empty();
    const auto has = [](const std::vector<std::string>& set, const std::string& one) {
      return std::binary_search(set.begin(), set.end(), one);
    };
    for (const std::string& old : newest_) {
      if (has(*parsed, old)) continue;
      leaving_.push_back({old, async::Clock::now() + linger_});
      ++removed;
    }
    for (const std::string& one : *parsed) added += has(newest_, one) ? 0 : 1;
    std::erase_if(leaving_, [&](const Leaving& one) { return has(*parsed, one.certificate); });
    newest_ = std::move(*parsed);
    Rebuild(source);
  }
  if (first) {
    log_.Debug(base::StrCat("Trust anchors read from ", source));
  } else {
    log_.Info(base::StrCat("Trust anchors changed (", source, "): ", added, " added, ", removed,
                           " removed"));
  }
  home_.Post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnPublished();
  });
  return {};
}

void TrustAnchors::OnPublished() {
  if (!dropping_ && !gate_.closing()) {
    dropping_ = true;
    gate_.Spawn(DropLater());
  }
  changed_.Pulse();
}

async::Task<void> TrustAnchors::DropLater() {
  for (;;) {
    async::TimePoint next = async::kForever;
    bool dropped = false;
    {
      std::lock_guard lock(mutex_);
      const async::TimePoint now = async::Clock::now();
      dropped = std::erase_if(leaving_, [&](const Leaving& one) { return one.goes <= now; }) != 0;
      for (const Leaving& one : leaving_) next = std::min(next, one.goes);
      if (dropped) {
        Rebuild(current_->source);
        auto counted = std::make_shared<Snapshot>(*current_);
        ++counted->removals;
        current_ = std::move(counted);
      }
    }
    if (dropped) {
      log_.Info("Trust anchors that were removed are no longer trusted");
      changed_.Pulse();
    }
    if (next == async::kForever) break;
    const async::Context context = gate_.context();
    if (co_await async::Sleep(context, next) == async::Wake::kCanceled) break;
  }
  dropping_ = false;
}

base::Status TrustAnchors::Follow(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxFile));
  RETURN_IF_ERROR(Publish(text, path));
  home_.Post([weak = weak_from_this(), path] {
    const auto self = weak.lock();
    if (self && !self->gate_.closing()) self->gate_.Spawn(self->Watch(path));
  });
  return {};
}

async::Task<void> TrustAnchors::Watch(std::string path) {
  PathWatch watch;
  watch.Watch({path});
  async::FdWatch edge;
  if (watch.fd() >= 0) edge.Open(home_, watch.fd());
  std::string refused;
  for (;;) {
    const async::Context patience = gate_.context().Until(home_.After(kLookAgain));
    const bool watched = edge.is_open();
    const async::Wake wake = watched ? co_await async::Readable(edge, patience)
                                     : co_await async::Sleep(patience, patience.deadline);
    if (wake == async::Wake::kCanceled) break;
    if (watched && wake == async::Wake::kReady) {
      const async::Context context = gate_.context();
      if (co_await async::Sleep(context, home_.After(kSettle)) == async::Wake::kCanceled) break;
      edge.set_readable(false);
      if (!watch.Changed()) continue;
    }
    auto text = base::ReadFile(path, kMaxFile);
    auto taken = text ? Publish(*text, path) : base::Status(std::unexpected(text.error()));
    if (taken) {
      refused.clear();
    } else if (refused != taken.error().message) {
      refused = taken.error().message;
      log_.Warning(base::StrCat("Trust anchors stay as they are: ", refused));
    }
  }
}

async::Task<void> TrustAnchors::Close() {
  const async::Context patient;
  co_await gate_.Close(patient);
}

}  // namespace runtime
