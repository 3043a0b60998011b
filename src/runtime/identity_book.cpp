#include "runtime/identity_book.hpp"

#include "base/strings.hpp"
#include "net/spiffe.hpp"
#include "runtime/clock_watch.hpp"

namespace runtime {

bool NeedsIdentity(const config::Options& options) {
  return options.enable_mtls || options.mode == config::Mode::kKubernetes ||
         (options.mtls_auto && !options.enable_mtls_given && !options.sentry_address.empty());
}

bool SecuresPeers(const config::Options& options, const config::Configuration& configuration) {
  if (options.enable_mtls_given) return options.enable_mtls;
  return options.mtls_auto && !options.sentry_address.empty() &&
         configuration.mtls.enabled.value_or(true);
}

bool SecuresControlPlane(const config::Options& options, bool secure_peers) {
  return secure_peers || options.mode == config::Mode::kKubernetes;
}

IdentityBook::IdentityBook(const Services& services)
    : services_(services),
      anchors_(TrustAnchors::Make(services.loops.at(0), telemetry::Log("dapr.runtime.security"))) {}

base::Result<std::unique_ptr<IdentityBook>> IdentityBook::Open(const Services& services) {
  const config::Options& options = services.options;
  if (options.sentry_address.empty()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "sentry's address is required for mTLS; set --sentry-address to host:port");
  }
  std::unique_ptr<IdentityBook> book(new IdentityBook(services));
  if (!options.trust_anchors_file.empty()) {
    RETURN_IF_ERROR(book->anchors_->Follow(options.trust_anchors_file));
  } else if (!options.env.trust_anchors.empty()) {
    RETURN_IF_ERROR(book->anchors_->Publish(options.env.trust_anchors, "DAPR_TRUST_ANCHORS"));
  }
  return book;
}

async::Task<base::Result<std::shared_ptr<Identity>>> IdentityBook::Get(const App& app,
                                                                       async::Duration patience,
                                                                       bool must) {
  if (!std::exchange(watching_, true)) {
    // Those that wait for anchors look at the clock as well.
    gate_.Spawn(WatchClock(gate_.context(), [this] { anchors_->changed().Pulse(); }));
  }
  for (const Entry& entry : entries_) {
    const App& have = entry.app;
    if (have.app_id == app.app_id && have.app_namespace == app.app_namespace &&
        have.token_file == app.token_file) {
      co_return entry.identity;
    }
  }
  const config::Options& options = services_.options;
  IdentityOptions out;
  out.app_id = app.app_id;
  out.app_namespace = app.app_namespace;
  if (options.apps_path.empty()) out.requested_id = options.env.sentry_local_identity;
  out.token.file = app.token_file.empty() ? options.env.sentry_token_file : app.token_file;
  out.token.kubernetes = options.mode == config::Mode::kKubernetes;
  out.jwt_audiences = options.sentry_jwt_audiences;
  out.control_plane_trust_domain = options.trust_domain;
  out.control_plane_namespace = options.control_plane_namespace;
  out.loops = services_.loops.size();
  out.on_anchors_gone = [this, app_id = app.app_id](Renew which) {
    if (told_) told_(app_id, which);
  };
  control::SentryClient::Options sentry;
  sentry.address = options.sentry_address;
  sentry.spiffe_id =
      net::SpiffeIdText(options.trust_domain, options.control_plane_namespace, "dapr-sentry");
  auto identity = Identity::Make(std::move(out), anchors_,
                                 std::make_unique<control::SentryClient>(
                                     std::move(sentry), services_.clients.Here(), services_.dns()));
  // Before the wait, so that Close ends it and nobody makes another one meanwhile.
  entries_.push_back({app, identity});
  const base::Status started = co_await identity->Start(patience);
  if (!started && must) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.identity == identity; });
    co_await identity->Close();
    co_return std::unexpected(started.error());
  }
  co_return identity;
}

async::Task<void> IdentityBook::CloseUnused() {
  std::vector<std::shared_ptr<Identity>> unused;
  std::erase_if(entries_, [&](Entry& entry) {
    if (entry.identity.use_count() > 1) return false;
    unused.push_back(std::move(entry.identity));
    return true;
  });
  for (const auto& identity : unused) co_await identity->Close();
}

async::Task<void> IdentityBook::Close() {
  for (const Entry& entry : entries_) co_await entry.identity->Close();
  const async::Context patient;
  co_await gate_.Close(patient);
  co_await anchors_->Close();
  entries_.clear();
}

}  // namespace runtime
