#include "runtime/control_plane.hpp"

#include <algorithm>

#include "control/link/link.hpp"
#include "runtime/control_links.hpp"
#include "runtime/services.hpp"

namespace runtime {
namespace {

using std::chrono::milliseconds;

// These services ping idle connections every ten seconds at the latest and close those that ping
// them while all is well. So a ping of ours goes out only where none of theirs has come.
constexpr milliseconds kSilence{11'000};
constexpr milliseconds kPatience{4'000};
// How soon connections follow a change of anchors or of the certificate.
constexpr std::chrono::seconds kTlsWatch{2};

}  // namespace

ControlPlane::ControlPlane() = default;
ControlPlane::~ControlPlane() = default;

http::Client& ControlPlane::http() {
  if (!http_) {
    http::ClientOptions options;
    options.keepalive_interval = kSilence;
    options.keepalive_timeout = kPatience;
    http_ = http::MakeClient(*async::Loop::Current(), options);
  }
  return *http_;
}

async::Task<base::Result<std::vector<http::Origin>>> ControlPlane::Locate(
    const Services& services, const async::Context& context, std::vector<std::string> addresses,
    std::shared_ptr<const net::TlsSource> tls) {
  std::vector<http::Origin> out;
  base::Error error(base::Kind::kUnreachable, "there is no address");
  for (const std::string& address : addresses) {
    auto place = control::SplitAddress(address);
    if (!place) {
      error = std::move(place).error();
      continue;
    }
    auto found = co_await services.dns().Resolve(context, place->host, place->port);
    if (context.canceled()) co_return base::Fail(base::Kind::kCanceled, "it is no longer wanted");
    if (!found) {
      error = std::move(found).error();
      continue;
    }
    for (http::Origin& origin : control::OriginsOf(*place, found->addresses, tls)) {
      if (std::find(out.begin(), out.end(), origin) == out.end()) out.push_back(std::move(origin));
    }
  }
  if (out.empty()) co_return std::unexpected(std::move(error));
  co_return out;
}

void ControlPlane::Add(ControlLinks& links) {
  watched_.push_back(&links);
  if (watched_.size() == 1 && gate_.size() == 0) gate_.Spawn(Watch());
}

void ControlPlane::Remove(ControlLinks& links) {
  std::erase(watched_, &links);
}

async::Task<void> ControlPlane::Watch() {
  const async::Context context = gate_.context();
  while (!watched_.empty()) {
    co_await async::Sleep(context, async::Loop::Current()->After(kTlsWatch));
    if (gate_.closing()) co_return;
    // A copy: links may go while others begin anew.
    for (ControlLinks* links : std::vector<ControlLinks*>(watched_)) {
      if (std::find(watched_.begin(), watched_.end(), links) != watched_.end()) links->FollowTls();
    }
  }
}

async::Task<void> ControlPlane::Close() {
  const async::Context patient;
  co_await gate_.Close(patient);
  if (http_) {
    co_await http_->Close(async::Context(async::Loop::Current()->After(milliseconds(100))));
    http_.reset();
  }
}

}  // namespace runtime
