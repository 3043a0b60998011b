#include "runtime/identity.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "net/crypto.hpp"
#include "net/spiffe.hpp"
#include "net/spiffe_check.hpp"
#include "telemetry/dapr_families.hpp"

namespace runtime {
namespace {

using std::chrono::seconds;

// The wall clock may jump, so that it is looked at again that often. Whoever finds by it that the
// certificate is out of its time wakes the background work.
constexpr seconds kLookAgain{60};
constexpr seconds kAfterOthers{1};
// While sentry stays away it is said again that often.
constexpr seconds kWarnAgain{60};
// Apps that call ever new peers must not make us remember them all.
constexpr std::size_t kMaxPeers = 4096;

std::string_view ReasonOf(const base::Error& error) {
  switch (error.kind) {
    case base::Kind::kPermissionDenied:
      return "refused";
    case base::Kind::kUnauthenticated:
      return "sentry_not_trusted";
    case base::Kind::kUnreachable:
    case base::Kind::kUnavailable:
    case base::Kind::kTimeout:
      return "sentry_unreachable";
    default:
      return "other";
  }
}

}  // namespace

// The check of a peer that we call, and one line in the log when it fails: the caller alone would
// see it otherwise.
net::TlsPeerCheck Logged(net::TlsPeerCheck check, telemetry::Log log) {
  return [check = std::move(check), log = std::move(log)](const net::TlsPeer& peer,
                                                          bool verified) -> base::Status {
    base::Status checked = check(peer, verified);
    if (!checked) {
      log.RateLimited(checked.error().message, 1)
          .Warning(base::StrCat("refused a peer that this app called: ", checked.error().message));
    }
    return checked;
  };
}

// What connections are made with.
struct Identity::Current {
  std::shared_ptr<const net::TlsContext> server;
  std::shared_ptr<const net::TlsContext> client;  // without a check of who the peer is
  std::shared_ptr<const TrustAnchors::Snapshot> anchors;
  base::WallTime begins;
  base::WallTime ends;
};

// TLS towards one peer. Keeps its context as long as the identity keeps its own, so that sessions
// are resumed.
class Identity::PeerTls final : public net::TlsSource {
 public:
  PeerTls(std::weak_ptr<const Identity> identity, net::TlsPeerCheck check)
      : identity_(std::move(identity)), check_(std::move(check)) {}

  base::Result<std::shared_ptr<const net::TlsContext>> Current() const override {
    const auto identity = identity_.lock();
    if (!identity) {
      return base::Fail(base::Kind::kUnauthenticated, "the app is no longer served");
    }
    ASSIGN_OR_RETURN(const auto current, identity->Usable());
    std::lock_guard lock(mutex_);
    if (made_from_ != current) {
      context_ = current->client->WithPeerCheck(check_);
      made_from_ = current;
    }
    return context_;
  }
  bool IsOf(const Identity* identity) const { return identity_.lock().get() == identity; }

 private:
  const std::weak_ptr<const Identity> identity_;
  const net::TlsPeerCheck check_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Identity::Current> made_from_;
  mutable std::shared_ptr<const net::TlsContext> context_;
};

// Touched on its own loop only.
struct Identity::PerLoop {
  std::unordered_map<std::string, std::shared_ptr<PeerTls>> peers;  // by SPIFFE path
};

Identity::Identity(IdentityOptions options, std::shared_ptr<TrustAnchors> anchors,
                   std::unique_ptr<control::IdentityIssuer> issuer)
    : options_(std::move(options)),
      path_(net::SpiffePath(options_.app_namespace, options_.requested_id.empty()
                                                        ? options_.app_id
                                                        : options_.requested_id)),
      anchors_(std::move(anchors)),
      issuer_(std::move(issuer)),
      log_(telemetry::Log("dapr.runtime.security").WithAppId(options_.app_id)),
      per_loop_(static_cast<std::size_t>(options_.loops)) {}

Identity::~Identity() = default;

std::shared_ptr<Identity> Identity::Make(IdentityOptions options,
                                         std::shared_ptr<TrustAnchors> anchors,
                                         std::unique_ptr<control::IdentityIssuer> issuer) {
  return std::shared_ptr<Identity>(
      new Identity(std::move(options), std::move(anchors), std::move(issuer)));
}

// === the life of the certificate; home loop ===

async::Task<base::Status> Identity::Start(async::Duration patience) {
  log_.Info("Fetching initial identity");
  async::Loop& loop = *async::Loop::Current();
  home_ = &loop;
  const async::TimePoint until = loop.After(patience);
  base::Status got;
  for (;;) {
    got = co_await Renew();
    if (got || got.error().kind == base::Kind::kPermissionDenied) break;
    if (next_try_ >= until || gate_.closing()) break;
    const async::Context context = gate_.context();
    if (co_await async::Sleep(context, next_try_) == async::Wake::kCanceled) break;
  }
  gate_.Spawn(Run());
  if (got) co_return got;
  co_return base::Fail(got.error().kind,
                       base::StrCat("failed to retrieve the initial identity: ",
                                    got.error().message, "\nno X509 SVID available"));
}

async::Task<void> Identity::Close() {
  const async::Context patient;
  co_await gate_.Close(patient);
}

bool Identity::Due(base::WallTime now) const {
  // Before its begin: the clock has been set back.
  return svid_.empty() || !covered_ || now >= renew_at_ || now < leaf_.not_before;
}

async::Task<void> Identity::Run() {
  async::Loop& loop = *async::Loop::Current();
  while (!gate_.closing()) {
    // What changed during a renewal was announced while nobody waited.
    if (!svid_.empty()) NoteAnchors();
    // Until it is due no more, it is tried again anyway.
    if (!Due(options_.now())) looks_soon_.store(false);
    const base::WallTime now = options_.now();
    async::TimePoint wake = loop.After(kLookAgain);
    if (Due(now)) {
      wake = std::min(wake, next_try_);
    } else if (renew_at_ - now < kLookAgain) {
      wake = loop.After(std::chrono::duration_cast<async::Duration>(renew_at_ - now));
    }
    if (!svid_.empty() && !ended_ && leaf_.not_after > now && leaf_.not_after - now < kLookAgain) {
      wake = std::min(wake, loop.After(leaf_.not_after - now));
    }
    const async::Context context = gate_.context().Until(std::min(wake, renew_to_others_));
    const async::Wake reason = co_await anchors_->changed().Wait(context);
    if (reason == async::Wake::kCanceled) break;
    NoteAnchors();
    if (renew_to_others_ <= loop.now()) {
      renew_to_others_ = async::kForever;
      options_.on_anchors_gone(Renew::kToOthers);
    }
    NoteEnd();
    if (Due(options_.now()) && next_try_ <= loop.now()) co_await Renew();
  }
}

async::Task<base::Status> Identity::Renew() {
  const async::Context context = gate_.context();
  base::Status done;
  std::string key;
  control::IdentityRequest request;
  request.app_id = options_.requested_id.empty() ? options_.app_id : options_.requested_id;
  request.app_namespace = options_.app_namespace;
  request.jwt_audiences = options_.jwt_audiences;
  auto token = control::ReadSentryToken(options_.token);
  auto fresh = net::NewCertificateRequest();
  if (!token) {
    done = std::unexpected(std::move(token).error());
  } else if (!fresh) {
    done = std::unexpected(std::move(fresh).error());
  } else {
    request.token = std::move(*token);
    request.request_pem = std::move(fresh->request_pem);
    key = std::move(fresh->private_key_pem);
    auto chain = co_await issuer_->Issue(context, request, anchors_->Current()->pem);
    if (chain) {
      done = Adopt(std::move(*chain), std::move(key));
    } else {
      base::Error error = std::move(chain).error();
      // Sentry may want each token once only, or this one may have ended.
      if (error.kind == base::Kind::kPermissionDenied && !request.token.file.empty()) {
        error.message += base::StrCat(" (asked with the token in ", request.token.file,
                                      ", which is read again for every request: see that whoever "
                                      "writes it puts a fresh one there)");
      }
      done = base::Fail(std::move(error));
    }
  }
  if (!done && !gate_.closing()) Failed(done.error());
  co_return done;
}

base::Status Identity::Adopt(std::string chain_pem, std::string key_pem) {
  const auto wrong = [&](std::string_view why) {
    return base::Fail(base::Kind::kProtocol,
                      base::StrCat("the certificate from sentry cannot be used: ", why));
  };
  auto leaf = net::InspectLeaf(chain_pem);
  if (!leaf) return wrong(leaf.error().message);
  const auto id = net::ParseSpiffeId(leaf->uri_san);
  if (!id) return wrong(id.error().message);
  if (id->path != path_) {
    return wrong(base::StrCat("it is for ", leaf->uri_san, ", not for ", path_));
  }
  const bool first = svid_.empty();
  net::TlsIdentity before = std::exchange(svid_, {std::move(chain_pem), std::move(key_pem)});
  const net::LeafInfo leaf_before = std::exchange(leaf_, std::move(*leaf));
  if (base::Status built = Rebuild(); !built) {
    svid_ = std::move(before);
    leaf_ = leaf_before;
    return wrong(built.error().message);
  }
  net::Cleanse(before.private_key_pem);
  const base::WallTime now = options_.now();
  renew_at_ = leaf_.not_before + (leaf_.not_after - leaf_.not_before) / 2;
  // A life shorter than sentry's allowance for clocks has its middle behind it.
  if (renew_at_ <= now) renew_at_ = now + (leaf_.not_after - now) / 2;
  Succeeded(first);
  return {};
}

base::Status Identity::Rebuild() {
  const auto anchors = anchors_->Current();
  auto next = std::make_shared<Current>();
  ASSIGN_OR_RETURN(next->server, net::TlsContext::Server({.identity = svid_,
                                                          .client_ca_pem = anchors->pem,
                                                          .alpn = {"h2"},
                                                          .require_alpn = true,
                                                          .hide_client_ca = true,
                                                          .check_peer = net::ExpectAnySpiffeId()}));
  ASSIGN_OR_RETURN(next->client, net::TlsContext::Client({.ca_pem = anchors->pem,
                                                          .check_host_name = false,
                                                          .identity = svid_,
                                                          .alpn = {"h2"},
                                                          .require_alpn = true}));
  next->anchors = anchors;
  next->begins = leaf_.not_before;
  next->ends = leaf_.not_after;
  covered_ = net::ChainLeadsTo(svid_.certificate_chain_pem, anchors->lasting);
  anchors_version_ = anchors->version;
  std::lock_guard lock(mutex_);
  current_ = std::move(next);
  if (ids_.empty() || ids_.back() != leaf_.uri_san) {
    own_id_.store(&ids_.emplace_back(leaf_.uri_san), std::memory_order_release);
  }
  return {};
}

void Identity::NoteAnchors() {
  const auto anchors = anchors_->Current();
  // A renewal may have used new anchors already; those that have gone are still to be told of.
  if (anchors_version_ == anchors->version && anchors_removals_ == anchors->removals) return;
  anchors_version_ = anchors->version;
  const bool gone = anchors->removals != anchors_removals_;
  anchors_removals_ = anchors->removals;
  if (svid_.empty()) {
    // Sentry may be known by now.
    next_try_ = {};
    return;
  }
  if (base::Status built = Rebuild(); !built) {
    log_.Error(base::StrCat("The new trust anchors cannot be used: ", built.error().message));
    return;
  }
  // All apps of all processes hear of new anchors at the same time.
  if (!covered_)
    next_try_ = async::Loop::Current()->After(
        std::chrono::milliseconds(static_cast<int64_t>(base::FastRandomBelow(1000))));
  if (gone && options_.on_anchors_gone) {
    options_.on_anchors_gone(Renew::kFromOthers);
    renew_to_others_ = async::Loop::Current()->After(kAfterOthers);
  }
}

void Identity::Succeeded(bool first) {
  async::Loop& loop = *async::Loop::Current();
  const bool troubled = std::exchange(failures_, 0) > 0;
  const bool ended = std::exchange(ended_, false);
  next_try_ = loop.After(seconds(1));
  next_warning_ = {};
  {
    std::lock_guard lock(mutex_);
    trouble_.clear();
  }
  // Sentry's clock is another one than ours: the next certificate would be no better.
  const base::WallTime now = options_.now();
  if (now < leaf_.not_before || now >= leaf_.not_after) {
    next_try_ = loop.After(base::Jitter(options_.retry_most));
  }
  const std::string until =
      base::StrCat(leaf_.uri_san, ", valid until ", base::FormatRfc3339(leaf_.not_after));
  log_.Info(base::StrCat(first      ? "Security is initialized successfully: "
                         : ended    ? "Identity certificate is back after it had ended: "
                         : troubled ? "Identity certificate renewed after failures: "
                                    : "Identity certificate renewed: ",
                         until));
  if (!covered_) {
    // Asked for again with the pace of failures: sentry may just be changing its issuer.
    next_try_ = loop.After(base::Jitter(options_.retry_most));
    log_.Warning(base::StrCat("The identity certificate does not lead to any trust anchor (from ",
                              anchors_->Current()->source,
                              "): peers will refuse it; give the anchors of sentry's issuer"));
  }
  Count(
      first ? telemetry::family::kMtlsInitTotal : telemetry::family::kMtlsWorkloadCertRotatedTotal,
      "");
}

void Identity::Failed(const base::Error& error) {
  async::Loop& loop = *async::Loop::Current();
  async::Duration wait = options_.retry_first;
  for (int i = 0; i < failures_ && wait < options_.retry_most; ++i) wait = wait * 3 / 2;
  ++failures_;
  next_try_ = loop.After(base::Jitter(std::min(wait, options_.retry_most)));
  bool changed = false;
  {
    std::lock_guard lock(mutex_);
    changed = trouble_ != error.message;
    trouble_ = error.message;
  }
  const bool first = svid_.empty();
  if (changed || loop.now() >= next_warning_) {
    // At the start nothing else tells why the runtime is not there.
    next_warning_ = loop.now() + (first ? seconds(5) : kWarnAgain);
    const std::string what = first ? "No identity certificate yet: "
                                   : base::StrCat("Identity certificate could not be renewed (",
                                                  ended_ ? "it ended at " : "it serves until ",
                                                  base::FormatRfc3339(leaf_.not_after), "): ");
    log_.Warning(what + error.message);
  }
  Count(first ? telemetry::family::kMtlsInitFailTotal
              : telemetry::family::kMtlsWorkloadCertRotatedFailTotal,
        ReasonOf(error));
}

void Identity::NoteEnd() {
  if (svid_.empty() || ended_ || options_.now() < leaf_.not_after) return;
  ended_ = true;
  next_try_ = std::min(next_try_, async::Loop::Current()->now());
  log_.Error(base::StrCat("Identity certificate ended at ", base::FormatRfc3339(leaf_.not_after),
                          ": new connections to and from other runtimes fail until sentry renews "
                          "it; ",
                          WhyNone().message));
}

// === TLS; any thread ===

base::Error Identity::WhyNone() const {
  std::lock_guard lock(mutex_);
  return base::Error(base::Kind::kUnauthenticated,
                     trouble_.empty() ? "sentry has not answered yet" : trouble_);
}

void Identity::NoteUse(const Current& current) const {
  const base::WallTime now = options_.now();
  if (now < current.ends && now >= current.begins) return;
  if (looks_soon_.exchange(true)) return;
  home_->Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && !self->gate_.closing()) self->anchors_->changed().Pulse();
  });
}

base::Result<std::shared_ptr<const Identity::Current>> Identity::Usable() const {
  std::shared_ptr<const Current> current;
  {
    std::lock_guard lock(mutex_);
    current = current_;
  }
  if (!current) {
    return base::Fail(
        base::Kind::kUnauthenticated,
        base::StrCat("app ", options_.app_id, " has no identity certificate: ", WhyNone().message));
  }
  NoteUse(*current);
  if (options_.now() >= current->ends) {
    return base::Fail(
        base::Kind::kUnauthenticated,
        base::StrCat("the identity certificate of app ", options_.app_id, " ended at ",
                     base::FormatRfc3339(current->ends), ": ", WhyNone().message));
  }
  return current;
}

base::Result<std::shared_ptr<const net::TlsContext>> Identity::ServerTls() const {
  std::lock_guard lock(mutex_);
  if (current_) {
    NoteUse(*current_);
    return current_->server;
  }
  return base::Fail(base::Kind::kUnauthenticated,
                    base::StrCat("app ", options_.app_id, " has no identity certificate yet: ",
                                 trouble_.empty() ? "sentry has not answered" : trouble_));
}

base::Status Identity::Secure(http::Origin& origin, std::string_view app_id,
                              std::string_view app_namespace) const {
  auto& peers = per_loop_[static_cast<std::size_t>(async::Loop::Current()->index())].peers;
  std::string path = net::SpiffePath(app_namespace, app_id);
  auto found = peers.find(path);
  if (found == peers.end()) {
    if (peers.size() >= kMaxPeers) peers.clear();
    auto tls =
        std::make_shared<PeerTls>(weak_from_this(), Logged(net::ExpectSpiffePath(path), log_));
    found = peers.emplace(std::move(path), std::move(tls)).first;
  }
  origin.tls_source = found->second;
  return {};
}

std::shared_ptr<const net::TlsSource> Identity::ControlPlaneTls(std::string_view service) {
  std::lock_guard lock(mutex_);
  auto& tls = control_plane_[std::string(service)];
  if (!tls) {
    tls = std::make_shared<PeerTls>(
        weak_from_this(),
        Logged(net::ExpectSpiffeId(net::SpiffeIdText(options_.control_plane_trust_domain,
                                                     options_.control_plane_namespace, service)),
               log_));
  }
  return tls;
}

bool Identity::Secures(const http::Origin& origin) const {
  const auto* tls = dynamic_cast<const PeerTls*>(origin.tls_source.get());
  return tls && tls->IsOf(this);
}

std::string_view Identity::own_id() const {
  const std::string* id = own_id_.load(std::memory_order_acquire);
  return id ? std::string_view(*id) : std::string_view();
}

std::shared_ptr<const TrustAnchors::Snapshot> Identity::trusted() const {
  {
    std::lock_guard lock(mutex_);
    if (current_) return current_->anchors;
  }
  return anchors_->Current();
}

std::optional<base::WallTime> Identity::ends() const {
  std::lock_guard lock(mutex_);
  if (!current_) return std::nullopt;
  return current_->ends;
}

// === metrics ===

void Identity::Count(const telemetry::Family& family, std::string_view reason) {
  std::lock_guard lock(mutex_);
  if (!series_) {
    // Bounded: while nobody counts there is the start alone.
    if (uncounted_.size() < 64) uncounted_.emplace_back(&family, reason);
    return;
  }
  if (reason.empty()) {
    series_->With(family, {}).Add();
  } else {
    series_->With(family, {reason}).Add();
  }
}

void Identity::CountIn(std::shared_ptr<telemetry::AppSeries> series) {
  std::vector<std::pair<const telemetry::Family*, std::string>> waiting;
  {
    std::lock_guard lock(mutex_);
    series_ = std::move(series);
    waiting = std::exchange(uncounted_, {});
  }
  for (const auto& [family, reason] : waiting) Count(*family, reason);
}

}  // namespace runtime
