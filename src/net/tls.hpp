// TlsContext: everything a TLS connection needs besides its socket: certificates, whom to trust,
// which protocols to offer.
//
// Built from PEM texts by whoever reads configuration or gets a workload certificate; handed to
// Stream::AcceptTls / ConnectTls. Immutable: to change a certificate, build another context and
// give that to new connections; old ones keep theirs. Shared by all loops. TLS 1.2 is the oldest
// version.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "net/stream.hpp"

// OpenSSL's types, kept out of this header on purpose.
struct ssl_ctx_st;
struct ssl_session_st;

namespace net {

/// A certificate chain (leaf first) and its private key, both PEM. Empty texts = none.
struct TlsIdentity {
  std::string certificate_chain_pem;
  std::string private_key_pem;
  bool empty() const { return certificate_chain_pem.empty() && private_key_pem.empty(); }
};

/// Judges the peer's certificate beyond its chain, for example its SPIFFE id. Called during the
/// handshake on the connection's loop; only the URIs of the peer are known then. `chain_verified`
/// is false only where the options waive the chain. A failed Status ends the handshake and its
/// message becomes part of the error. Must not block.
using TlsPeerCheck = std::function<base::Status(const TlsPeer& peer, bool chain_verified)>;

struct TlsServerOptions {
  TlsIdentity identity;
  /// Whom to trust for client certificates; empty = clients are not asked for one.
  std::string client_ca_pem;
  bool require_client_certificate = true;
  /// Protocols in order of our preference; a client that offers others only is refused. Empty = no
  /// ALPN.
  std::vector<std::string> alpn;
  /// Refuses clients that offer no protocol at all.
  bool require_alpn = false;
  /// Sends no names of the authorities in `client_ca_pem`.
  bool hide_client_ca = false;
  /// Runs only on clients that show a certificate.
  TlsPeerCheck check_peer;
};

struct TlsClientOptions {
  /// Whom to trust; empty = the system's authorities.
  std::string ca_pem;
  /// Accepts any certificate chain and name; `check_peer` is still asked.
  bool skip_verify = false;
  /// The certificate must name the server name given to ConnectTls (or the peer's IP without one).
  /// Off where `check_peer` looks at a SPIFFE id instead.
  bool check_host_name = true;
  TlsIdentity identity;
  std::vector<std::string> alpn;
  /// Refuses a server that picks none of them.
  bool require_alpn = false;
  TlsPeerCheck check_peer;
};

class TlsContext {
 public:
  /// kInvalidArgument with a text that names the wrong input.
  static base::Result<std::shared_ptr<const TlsContext>> Server(TlsServerOptions options);
  static base::Result<std::shared_ptr<const TlsContext>> Client(TlsClientOptions options);
  /// The same certificates, anchors and protocols with another check of the peer, at the cost of a
  /// small object. Sessions to resume are its own.
  std::shared_ptr<const TlsContext> WithPeerCheck(TlsPeerCheck check_peer) const;
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For Stream only.
  ssl_ctx_st* native() const { return context_; }
  bool is_server() const { return server_; }
  bool skip_verify() const { return skip_verify_; }
  bool check_host_name() const { return check_host_name_; }
  bool require_alpn() const { return require_alpn_; }
  /// Whether a connection without the peer's certificate is refused.
  bool require_certificate() const { return require_certificate_; }
  const TlsPeerCheck& check_peer() const { return check_peer_; }
  const std::string& alpn_wire() const { return alpn_wire_; }
  /// Sessions to resume, by server name and address. Any thread. Take hands over the reference; a
  /// session is used once.
  void PutSession(const std::string& key, ssl_session_st* session) const;
  ssl_session_st* TakeSession(const std::string& key) const;

 private:
  TlsContext() = default;
  base::Status Init(bool server, const std::vector<std::string>& alpn, TlsPeerCheck check_peer);
  base::Status UseIdentity(const TlsIdentity& identity);
  base::Status Trust(const std::string& ca_pem, const char* what, bool hide_names = false);

  ssl_ctx_st* context_ = nullptr;
  bool server_ = false;
  bool skip_verify_ = false;
  bool check_host_name_ = true;
  bool require_alpn_ = false;
  bool require_certificate_ = false;
  std::string alpn_wire_;  // length-prefixed names, as ALPN sends them
  TlsPeerCheck check_peer_;

  static constexpr size_t kMaxSessions = 256;
  struct CachedSession {
    std::string key;
    ssl_session_st* session;
  };
  mutable std::mutex sessions_mutex_;
  mutable std::list<CachedSession> sessions_;  // newest first
  mutable std::unordered_map<std::string, std::list<CachedSession>::iterator> session_index_;
};

/// Gives the context for the next connection, for identities that are renewed and anchors that are
/// replaced while connections stay. Any thread.
class TlsSource {
 public:
  virtual ~TlsSource() = default;
  /// An error fails the connection; its text says why there is no context.
  virtual base::Result<std::shared_ptr<const TlsContext>> Current() const = 0;
};

/// Reads both files (blocking; start-up and reload only). Errors name the path.
base::Result<TlsIdentity> LoadTlsIdentity(const std::string& certificate_path,
                                          const std::string& key_path);

}  // namespace net
