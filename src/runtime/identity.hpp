// Identity: who one app is towards other runtimes and the control plane: its workload certificate
// (SVID) from sentry, renewed for as long as the app is served, and TLS made with it.
//
// Belongs to an Instance; several forms of one app (a reload) share it. The certificate is asked
// for with a fresh key at each renewal, at the middle of its life. While sentry is away the old one
// serves until its end; after that, connections fail with an error that says why, until sentry is
// back. Renewal runs on the home loop; the accessors are for all threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "blocks/invoke/access.hpp"
#include "control/sentry/sentry.hpp"
#include "net/certificates.hpp"
#include "net/tls.hpp"
#include "runtime/trust_anchors.hpp"
#include "telemetry/log.hpp"
#include "telemetry/registry.hpp"

namespace runtime {

/// Connections that an anchor which is gone for good has vouched for. Those to others are renewed a
/// second after those from others: all runtimes hear of it at the same time, and who dials a peer
/// that is about to renew its own connections would be cut off in the handshake.
enum class Renew : uint8_t { kFromOthers, kToOthers };

struct IdentityOptions {
  std::string app_id;
  std::string app_namespace;
  /// What sentry is asked to certify in place of the app-id; empty = that.
  std::string requested_id;
  control::TokenSource token;
  std::vector<std::string> jwt_audiences;
  std::string control_plane_trust_domain;
  std::string control_plane_namespace;
  int loops = 1;
  /// Home loop: an anchor is gone for good.
  std::function<void(Renew)> on_anchors_gone;
  // For tests.
  std::function<base::WallTime()> now = base::WallNow;
  async::Duration retry_first = std::chrono::milliseconds(500);
  async::Duration retry_most = std::chrono::seconds(10);
};

class Identity final : public blocks::invoke::PeerSecurity,
                       public std::enable_shared_from_this<Identity> {
 public:
  /// `issuer` is used on the home loop only.
  static std::shared_ptr<Identity> Make(IdentityOptions options,
                                        std::shared_ptr<TrustAnchors> anchors,
                                        std::unique_ptr<control::IdentityIssuer> issuer);
  ~Identity() override;

  /// Asks sentry until there is a certificate, sentry refuses (kPermissionDenied) or `patience` is
  /// over, and goes on renewing in the background. Each failed attempt is logged. After an error
  /// the background work goes on too, unless Close is called. Home loop; once.
  async::Task<base::Status> Start(async::Duration patience);
  /// Ends the background work; what was given out goes on working until the certificate ends. Home
  /// loop; must be awaited before the last reference goes.
  async::Task<void> Close();

  /// TLS for the app's internal port. The error says why there is no certificate. One that has
  /// ended is shown on: peers then know what is wrong.
  base::Result<std::shared_ptr<const net::TlsContext>> ServerTls() const;
  /// TLS towards a service of the control plane, which must have exactly the id of that name:
  /// "dapr-operator", "dapr-placement", "dapr-scheduler". For http::Origin::tls_source; the same
  /// object for the same name. Our certificate goes along.
  std::shared_ptr<const net::TlsSource> ControlPlaneTls(std::string_view service);

  // PeerSecurity. Secure runs on a data loop.
  base::Status Secure(http::Origin& origin, std::string_view app_id,
                      std::string_view app_namespace) const override;
  /// Empty until there is a certificate. Stays good for as long as this object.
  std::string_view own_id() const override;

  /// Whom connections that are made now trust. Never null.
  std::shared_ptr<const TrustAnchors::Snapshot> trusted() const;
  /// When the certificate ends; none while there is none.
  std::optional<base::WallTime> ends() const;
  /// Whether an origin is secured by this identity.
  bool Secures(const http::Origin& origin) const;
  /// From now on renewals are counted in the app's series, and those so far are.
  void CountIn(std::shared_ptr<telemetry::AppSeries> series);

 private:
  class PeerTls;
  struct Current;
  struct PerLoop;
  Identity(IdentityOptions options, std::shared_ptr<TrustAnchors> anchors,
           std::unique_ptr<control::IdentityIssuer> issuer);

  async::Task<void> Run();
  async::Task<base::Status> Renew();
  base::Status Adopt(std::string chain_pem, std::string key_pem);
  base::Status Rebuild();
  void NoteAnchors();
  void Succeeded(bool first);
  void Failed(const base::Error& error);
  void NoteEnd();
  bool Due(base::WallTime now) const;
  void Count(const telemetry::Family& family, std::string_view reason);
  base::Result<std::shared_ptr<const Current>> Usable() const;
  base::Error WhyNone() const;
  void NoteUse(const Current& current) const;

  const IdentityOptions options_;
  const std::string path_;  // of the SPIFFE id that sentry should give
  const std::shared_ptr<TrustAnchors> anchors_;
  const std::unique_ptr<control::IdentityIssuer> issuer_;
  const telemetry::Log log_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Current> current_;
  std::string trouble_;  // why the last attempt failed; empty if it did not
  std::deque<std::string> ids_;
  std::map<std::string, std::shared_ptr<PeerTls>, std::less<>> control_plane_;
  std::shared_ptr<telemetry::AppSeries> series_;
  std::vector<std::pair<const telemetry::Family*, std::string>> uncounted_;
  std::atomic<const std::string*> own_id_{nullptr};
  async::Loop* home_ = nullptr;                  // set before there is a certificate
  mutable std::atomic<bool> looks_soon_{false};  // somebody has woken the background work
  mutable std::vector<PerLoop> per_loop_;

  // Home loop.
  net::TlsIdentity svid_;
  net::LeafInfo leaf_;
  base::WallTime renew_at_{};
  uint64_t anchors_version_ = 0;
  uint64_t anchors_removals_ = 0;
  bool covered_ = true;  // the anchors that last lead to the certificate's issuer
  bool ended_ = false;
  int failures_ = 0;
  async::TimePoint next_try_{};
  async::TimePoint renew_to_others_ = async::kForever;
  async::TimePoint next_warning_{};
  async::Gate gate_;
};

}  // namespace runtime
