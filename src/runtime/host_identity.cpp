// The Host's part in identities: who gets one, TLS of the internal ports, and what is said of peers
// that are refused.
#include "base/strings.hpp"
#include "runtime/host.hpp"
#include "runtime/identity.hpp"
#include "runtime/operator_source.hpp"

namespace runtime {
namespace {

// Without its identity a process of one app serves nobody, so that it waits, and is started again
// where it waited in vain. One of many apps serves those that have theirs.
constexpr std::chrono::seconds kPatienceOfOne{60};
constexpr std::chrono::seconds kPatienceOfMany{5};

async::Task<void> GiveOne(IdentityBook& book, InstanceConfig& config, bool must,
                          base::Status& status) {
  auto identity = co_await book.Get({.app_id = config.app_id,
                                     .app_namespace = config.app_namespace,
                                     .token_file = config.sentry_token_file},
                                    must ? kPatienceOfOne : kPatienceOfMany, must);
  if (identity) {
    config.identity = std::move(*identity);
    config.anchors_gone = config.identity->trusted()->removals;
  } else {
    status = std::unexpected(std::move(identity).error());
  }
}

async::Task<void> GiveAll(IdentityBook& book, std::vector<InstanceConfig>& configs, bool must,
                          base::Status& status) {
  async::Gate gate;
  for (InstanceConfig& config : configs) gate.Spawn(GiveOne(book, config, must, status));
  const async::Context patient;
  co_await gate.Close(patient);
}

}  // namespace

base::Status Host::OpenIdentities() {
  if (!NeedsIdentity(options_)) return {};
  ASSIGN_OR_RETURN(identities_, IdentityBook::Open(*services_));
  if (options_.mode == config::Mode::kKubernetes && options_.trust_anchors_file.empty()) {
    RETURN_IF_ERROR(cluster_->OpenTrustBundle(loops_, identities_->anchors()));
  }
  identities_->OnAnchorsGone(
      [this](const std::string& app_id, Renew which) { RenewPeers(app_id, which); });
  return {};
}

async::Task<base::Status> Host::GiveIdentity(InstanceConfig& config) {
  base::Status status;
  if (!identities_) co_return status;
  config.secure_peers = SecuresPeers(options_, config.configuration);
  co_await GiveOne(*identities_, config, false, status);
  co_return status;
}

base::Status Host::GiveIdentities(std::vector<InstanceConfig>& configs) {
  if (!identities_) return {};
  for (InstanceConfig& config : configs) {
    config.secure_peers = SecuresPeers(options_, config.configuration);
  }
  base::Status status;
  const bool must = options_.apps_path.empty();
  loops_.RunTaskOn(0, [&] { return GiveAll(*identities_, configs, must, status); });
  return status;
}

void Host::CloseUnusedIdentities() {
  if (!identities_ || closed_) return;
  loops_.RunTaskOn(0, [&] { return identities_->CloseUnused(); });
}

base::Result<std::shared_ptr<const net::TlsContext>> Host::PeerTls(const ListenerTag& tag) const {
  const auto& table = Here();
  const auto instance = table ? table->ById(tag.app_id, "") : nullptr;
  if (!instance) return base::Fail(base::Kind::kNotFound, "the app is not served");
  const InstanceConfig& config = instance->config();
  if (!config.secure_peers) return nullptr;
  return config.identity->ServerTls();
}

void Host::NoteRefusedPeer(const net::Address& peer, const base::Error& error,
                           const void* tag) const {
  // Probes that only look whether the port is open, and our own end.
  if (error.kind == base::Kind::kCanceled || error.kind == base::Kind::kUnavailable) return;
  const std::string& app_id = static_cast<const ListenerTag*>(tag)->app_id;
  std::string_view why = error.message;
  const std::string from = peer.ToString();
  // The text names the peer in its own way; the reason alone is what lines are limited by.
  if (const std::size_t at = why.find(from); at != std::string_view::npos) {
    why.remove_prefix(std::min(at + from.size() + 2, why.size()));
  }
  log_.WithAppId(app_id).RateLimited(why, 1).Warning(base::StrCat(
      "refused a connection to the internal port of app ", app_id, " from ", from, ": ", why));
}

void Host::RenewPeers(const std::string& app_id, Renew which) {
  if (which == Renew::kFromOthers) {
    if (Listeners* listeners = renewing_.load()) listeners->RenewPeers(app_id);
    return;
  }
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.at(i).Post([this, app_id, home = i == 0] {
      const auto& table = Here();
      const auto instance = table ? table->ById(app_id, "") : nullptr;
      if (!instance || !instance->config().identity) return;
      clients_->Here().RenewTls(
          [&](const http::Origin& origin) { return instance->config().identity->Secures(origin); });
      const auto& source = instance->config().operator_source;
      // Its streams have no end of their own.
      if (home && source) source->Reconnect();
    });
  }
}

void Host::MarkServed(Instance& instance) {
  instance.MarkReady();
  // RenewPeers passes over an app that is on its way.
  const InstanceConfig& config = instance.config();
  if (config.identity && config.identity->trusted()->removals != config.anchors_gone) {
    RenewPeers(instance.app_id(), Renew::kToOthers);
  }
}

}  // namespace runtime
