#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdlib>

#include "base/file.hpp"
#include "base/strings.hpp"
#include "net/openssl_pem.hpp"
#include "net/tls_state.hpp"

namespace net {
namespace {

// The system's authorities, read once for all contexts because they take a megabyte.
X509_STORE* SystemRoots() {
  static const StorePtr kRoots = [] {
    StorePtr store(X509_STORE_new());
    const char* const from_environment = std::getenv(X509_get_default_cert_file_env());
    for (const char* path :
         {from_environment, "/etc/ssl/certs/ca-certificates.crt",
          "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
      if (path && X509_STORE_load_file(store.get(), path) == 1) return store;
    }
    X509_STORE_set_default_paths(store.get());
    return store;
  }();
  ERR_clear_error();
  return kRoots.get();
}

int SelectAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
               const unsigned char* offered, unsigned int offered_size, void*) {
  const std::string& ours = TlsState::Of(ssl)->tls->alpn_wire();
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(
      &selected, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned int>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  const TlsState* state = TlsState::Of(ssl);
  if (!state || state->session_key.empty() || !SSL_SESSION_is_resumable(session)) return 0;
  state->tls->PutSession(state->session_key, session);
  return 1;
}

}  // namespace

base::Status TlsContext::Init(bool server, const std::vector<std::string>& alpn,
                              TlsPeerCheck check_peer) {
  server_ = server;
  check_peer_ = std::move(check_peer);
  ERR_clear_error();
  context_ = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (!context_) return base::Fail(base::Kind::kInternal, "TLS: " + TakeTlsError());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  // Forward secrecy always; servers in addition only what HTTP/2 allows.
  SSL_CTX_set_cipher_list(
      context_, server ? "ECDHE+AESGCM:ECDHE+CHACHA20" : "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES");
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_cert_verify_callback(context_, VerifyPeerChain, nullptr);
  for (const std::string& name : alpn) {
    if (name.empty() || name.size() > 255) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("TLS: bad protocol name ", base::Quote(name)));
    }
    alpn_wire_ += static_cast<char>(name.size());
    alpn_wire_ += name;
  }
  return {};
}

base::Status TlsContext::UseIdentity(const TlsIdentity& identity) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain,
                   ParseCertificates(identity.certificate_chain_pem, "TLS certificate"));
  const BioPtr bio = MemoryBio(identity.private_key_pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!key) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "TLS private key: not an unencrypted PEM private key: " + TakeTlsError());
  }
  if (SSL_CTX_use_certificate(context_, chain[0].get()) != 1) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "TLS certificate: cannot be used: " + TakeTlsError());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_, chain[i].get()) != 1) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("TLS certificate: block ", i + 1, ": ", TakeTlsError()));
    }
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1 ||
      SSL_CTX_check_private_key(context_) != 1) {
    ERR_clear_error();
    return base::Fail(base::Kind::kInvalidArgument,
                      "TLS private key: does not belong to the certificate");
  }
  return {};
}

base::Status TlsContext::Trust(const std::string& ca_pem, const char* what, bool hide_names) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> roots, ParseCertificates(ca_pem, what));
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  for (const X509Ptr& root : roots) {
    X509_STORE_add_cert(store, root.get());
    if (server_ && !hide_names) SSL_CTX_add_client_CA(context_, root.get());
  }
  // An anchor need not be self-signed: whoever lists an intermediate authority trusts it.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  ERR_clear_error();
  return {};
}

base::Result<std::shared_ptr<const TlsContext>> TlsContext::Server(TlsServerOptions options) {
  std::shared_ptr<TlsContext> out(new TlsContext);
  RETURN_IF_ERROR(out->Init(true, options.alpn, std::move(options.check_peer)));
  out->require_alpn_ = options.require_alpn;
  out->require_certificate_ = !options.client_ca_pem.empty() && options.require_client_certificate;
  RETURN_IF_ERROR(out->UseIdentity(options.identity));
  SSL_CTX* context = out->context_;
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (!out->alpn_wire_.empty()) SSL_CTX_set_alpn_select_cb(context, SelectAlpn, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!options.client_ca_pem.empty()) {
    RETURN_IF_ERROR(
        out->Trust(options.client_ca_pem, "TLS client authorities", options.hide_client_ca));
    SSL_CTX_set_verify(
        context,
        SSL_VERIFY_PEER |
            (options.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
    // Tickets are sealed with keys of this context, so a session that is taken up was verified
    // against these very anchors; what may have changed since, Stream checks again.
    static constexpr unsigned char kSessions[] = "dapr";
    SSL_CTX_set_session_id_context(context, kSessions, sizeof kSessions - 1);
    SSL_CTX_set_timeout(context, 3600);
  }
  SSL_CTX_set_num_tickets(context, 1);
  return out;
}

base::Result<std::shared_ptr<const TlsContext>> TlsContext::Client(TlsClientOptions options) {
  std::shared_ptr<TlsContext> out(new TlsContext);
  RETURN_IF_ERROR(out->Init(false, options.alpn, std::move(options.check_peer)));
  out->require_alpn_ = options.require_alpn;
  out->require_certificate_ = true;
  out->skip_verify_ = options.skip_verify;
  out->check_host_name_ = options.check_host_name && !options.skip_verify;
  if (!options.identity.empty()) RETURN_IF_ERROR(out->UseIdentity(options.identity));
  SSL_CTX* context = out->context_;
  if (!options.ca_pem.empty()) {
    RETURN_IF_ERROR(out->Trust(options.ca_pem, "TLS authorities"));
  } else if (!options.skip_verify) {
    SSL_CTX_set1_cert_store(context, SystemRoots());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!out->alpn_wire_.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(out->alpn_wire_.data()),
                            static_cast<unsigned int>(out->alpn_wire_.size()));
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  return out;
}

std::shared_ptr<const TlsContext> TlsContext::WithPeerCheck(TlsPeerCheck check_peer) const {
  std::shared_ptr<TlsContext> out(new TlsContext);
  SSL_CTX_up_ref(context_);
  out->context_ = context_;
  out->server_ = server_;
  out->skip_verify_ = skip_verify_;
  out->check_host_name_ = check_host_name_;
  out->require_alpn_ = require_alpn_;
  out->require_certificate_ = require_certificate_;
  out->alpn_wire_ = alpn_wire_;
  out->check_peer_ = std::move(check_peer);
  return out;
}

TlsContext::~TlsContext() {
  for (const CachedSession& cached : sessions_) SSL_SESSION_free(cached.session);
  SSL_CTX_free(context_);
}

void TlsContext::PutSession(const std::string& key, SSL_SESSION* session) const {
  SSL_SESSION* dropped = nullptr;
  {
    std::lock_guard lock(sessions_mutex_);
    if (const auto found = session_index_.find(key); found != session_index_.end()) {
      dropped = found->second->session;
      sessions_.erase(found->second);
      session_index_.erase(found);
    } else if (sessions_.size() >= kMaxSessions) {
      dropped = sessions_.back().session;
      session_index_.erase(sessions_.back().key);
      sessions_.pop_back();
    }
    sessions_.push_front({key, session});
    session_index_.emplace(key, sessions_.begin());
  }
  SSL_SESSION_free(dropped);
}

SSL_SESSION* TlsContext::TakeSession(const std::string& key) const {
  std::lock_guard lock(sessions_mutex_);
  const auto found = session_index_.find(key);
  if (found == session_index_.end()) return nullptr;
  SSL_SESSION* session = found->second->session;
  sessions_.erase(found->second);
  session_index_.erase(found);
  return session;
}

base::Result<TlsIdentity> LoadTlsIdentity(const std::string& certificate_path,
                                          const std::string& key_path) {
  TlsIdentity out;
  ASSIGN_OR_RETURN(out.certificate_chain_pem, base::ReadFile(certificate_path, size_t{1} << 20));
  ASSIGN_OR_RETURN(out.private_key_pem, base::ReadFile(key_path, size_t{1} << 20));
  return out;
}

}  // namespace net
