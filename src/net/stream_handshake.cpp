// The TLS handshake of Stream.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/strings.hpp"
#include "net/errno_text.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "net/tls_state.hpp"

namespace net {
namespace {

// Why the handshake failed, from what our callbacks noted and OpenSSL's queue. Clears the queue.
std::unexpected<base::Error> HandshakeError(const SSL* ssl, const TlsState& state,
                                            const Address& peer) {
  const std::string prefix = base::StrCat("TLS handshake with ", peer.ToString(), ": ");
  const unsigned long code = ERR_peek_error();
  const int reason = code == 0 || ERR_SYSTEM_ERROR(code) ? 0 : ERR_GET_REASON(code);
  const std::string text = TakeTlsError();
  if (!state.refusal.empty()) {
    return base::Fail(base::Kind::kUnauthenticated,
                      base::StrCat(prefix, "the peer's certificate is refused: ", state.refusal));
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return base::Fail(base::Kind::kUnauthenticated, prefix + "the peer showed no certificate");
  }
  if (IsCertificateAlert(code)) {
    return base::Fail(base::Kind::kUnauthenticated,
                      base::StrCat(prefix, "the peer refused our certificate: ", text));
  }
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return base::Fail(base::Kind::kProtocol,
                        prefix +
                            "first record does not look like a TLS handshake (does the peer "
                            "speak plaintext?)");
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return base::Fail(base::Kind::kProtocol, prefix + "the peer's TLS is older than 1.2");
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return base::Fail(base::Kind::kProtocol,
                        prefix + "the peer offers none of our application protocols (ALPN)");
    default:
      break;
  }
  if (state.error != 0) {
    return base::Fail(base::Kind::kUnavailable, prefix + ErrnoText(state.error));
  }
  if (state.eof) {
    return base::Fail(base::Kind::kUnavailable,
                      prefix + (SSL_is_server(ssl) ? "the peer closed the connection"
                                                   : "the peer closed the connection (does it "
                                                     "speak plaintext?)"));
  }
  return base::Fail(base::Kind::kProtocol, prefix + text);
}

// What the verify callback does in a full handshake. A resumed one does not call it, although the
// certificate may have expired since and the check may look at state that changed.
base::Status CheckResumed(const SSL* ssl, const TlsContext& tls, const TlsPeer& peer) {
  const X509* leaf = SSL_get0_peer_certificate(ssl);
  if (!leaf && tls.require_certificate()) {
    return base::Fail(base::Kind::kUnauthenticated, "the resumed session has no certificate");
  }
  if (!tls.skip_verify() && leaf && X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0) {
    return base::Fail(base::Kind::kUnauthenticated, "certificate has expired");
  }
  if (tls.check_peer()) return tls.check_peer()(peer, !tls.skip_verify());
  return {};
}

}  // namespace

async::Task<base::Status> Stream::AcceptTls(const async::Context& context,
                                            std::shared_ptr<const TlsContext> tls) {
  tls_ = std::move(tls);
  co_return co_await Handshake(context, true);
}

async::Task<base::Status> Stream::ConnectTls(const async::Context& context,
                                             std::shared_ptr<const TlsContext> tls,
                                             const std::string& server_name) {
  tls_ = std::move(tls);
  tls_server_name_ = server_name;
  co_return co_await Handshake(context, false);
}

base::Status Stream::BeginTls(bool server) {
  if (ssl_ || !tls_ || tls_->is_server() != server) {
    return base::Fail(base::Kind::kInternal, "TLS: wrong context for this side of the connection");
  }
  ERR_clear_error();
  auto state = std::make_unique<TlsState>();
  state->fd = socket_.fd();
  state->watch = &watch_;
  state->tls = tls_.get();
  ssl_ = SSL_new(tls_->native());
  BIO* bio = ssl_ ? NewSocketBio(state.get()) : nullptr;
  if (!bio) {
    SSL_free(std::exchange(ssl_, nullptr));
    return base::Fail(base::Kind::kExhausted, "TLS: " + TakeTlsError());
  }
  SSL_set_bio(ssl_, bio, bio);
  TlsState* const raw = state.release();  // FreeTls deletes it
  SSL_set_app_data(ssl_, raw);
  if (server) {
    SSL_set_accept_state(ssl_);
    return {};
  }
  SSL_set_connect_state(ssl_);
  std::string name = std::move(tls_server_name_);
  if (name.ends_with('.')) name.pop_back();
  const bool is_ip = name.empty() || Address::FromIp(name, 0).has_value();
  if (!is_ip) SSL_set_tlsext_host_name(ssl_, name.c_str());
  if (tls_->check_host_name()) {
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl_);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    std::string ip = name.empty() ? peer_.ip() : name;
    if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
    const int set = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(param, ip.c_str())
                          : X509_VERIFY_PARAM_set1_host(param, name.data(), name.size());
    if (set != 1) {
      ERR_clear_error();
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("TLS: a certificate cannot be checked for the name ",
                                     base::Quote(ip), "; give a server name"));
    }
  }
  raw->session_key = base::StrCat(name, "|", peer_.ToString());
  if (SSL_SESSION* session = tls_->TakeSession(raw->session_key)) {
    SSL_set_session(ssl_, session);
    SSL_SESSION_free(session);
  }
  return {};
}

async::Task<base::Status> Stream::Handshake(const async::Context& context, bool server) {
  if (base::Status begun = BeginTls(server); !begun) {
    tls_broken_ = true;
    co_return begun;
  }
  TlsState& state = *TlsState::Of(ssl_);
  for (;;) {
    if (aborted_) {
      tls_broken_ = true;
      co_return base::Fail(base::Kind::kCanceled,
                           base::StrCat("TLS handshake with ", peer_.ToString(), ": aborted"));
    }
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result == 1) break;
    async::Wake wake = async::Wake::kReady;
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ:
        wake = co_await async::Readable(watch_, context);
        break;
      case SSL_ERROR_WANT_WRITE:
        wake = co_await async::Writable(watch_, context);
        break;
      default:
        tls_broken_ = true;
        co_return HandshakeError(ssl_, state, peer_);
    }
    if (wake != async::Wake::kReady) {
      tls_broken_ = true;
      const bool timeout = wake == async::Wake::kTimeout;
      co_return base::Fail(timeout ? base::Kind::kTimeout : base::Kind::kCanceled,
                           base::StrCat("TLS handshake with ", peer_.ToString(), ": ",
                                        timeout ? "i/o timeout" : "operation was canceled"));
    }
  }
  const unsigned char* alpn = nullptr;
  unsigned int alpn_size = 0;
  SSL_get0_alpn_selected(ssl_, &alpn, &alpn_size);
  if (alpn) tls_peer_.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  if (!alpn && tls_->require_alpn()) {
    tls_broken_ = true;
    co_return base::Fail(base::Kind::kProtocol,
                         base::StrCat("TLS handshake with ", peer_.ToString(),
                                      ": the peer names no application protocol (ALPN)"));
  }
  tls_peer_.version = SSL_get_version(ssl_);
  if (const X509* leaf = SSL_get0_peer_certificate(ssl_)) {
    tls_peer_.uri_san = UriSan(leaf, &tls_peer_.several_uris);
  }
  tls_peer_.resumed = SSL_session_reused(ssl_) == 1;
  if (tls_peer_.resumed) {
    if (base::Status allowed = CheckResumed(ssl_, *tls_, tls_peer_); !allowed) {
      tls_broken_ = true;
      state.refusal = allowed.error().message;
      co_return HandshakeError(ssl_, state, peer_);
    }
  }
  // The last flight of the handshake may have brought data along; the next Read finds out.
  if (SSL_has_pending(ssl_)) watch_.set_readable(true);
  co_return base::Status{};
}

}  // namespace net
