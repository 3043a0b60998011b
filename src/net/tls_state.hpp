// What OpenSSL's callbacks need to know of the connection they are called for. Inside net/ only.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "net/stream.hpp"
#include "net/tls.hpp"

namespace net {

struct TlsState {
  int fd = -1;
  async::FdWatch* watch = nullptr;
  const TlsContext* tls = nullptr;
  bool drained = false;              // the last receive took all there was
  bool eof = false;                  // the peer's FIN has been read
  int error = 0;                     // errno of the last failed system call
  std::string session_key;           // clients: where to keep the session for resumption
  std::string refusal;               // why we refuse the peer's certificate
  std::string fault;                 // why the connection broke after the handshake
  bool certificate_refused = false;  // by the peer, after the handshake

  static TlsState* Of(const SSL* ssl) { return static_cast<TlsState*>(SSL_get_app_data(ssl)); }
};

/// A BIO over state's socket. OpenSSL's own would raise SIGPIPE, and hides from us whether a read
/// drained the socket.
BIO* NewSocketBio(TlsState* state);

/// The URI subject alternative name, or "". An id is nobody's where there are more of them: then ""
/// and `several` is set.
std::string UriSan(const X509* certificate, bool* several = nullptr);

/// Whether an error of OpenSSL is an alert by which the peer refuses our certificate, or asks for
/// the one we did not send.
bool IsCertificateAlert(unsigned long code);

/// The oldest error of OpenSSL's queue of this thread as a text; clears the queue.
std::string TakeTlsError();

/// OpenSSL's callback that decides on the peer's chain; SSL_CTX_set_cert_verify_callback.
int VerifyPeerChain(X509_STORE_CTX* store, void* unused);

}  // namespace net
