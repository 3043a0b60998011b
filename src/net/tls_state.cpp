#include "net/tls_state.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>

#include "net/errno_text.hpp"

namespace net {
namespace {

int BioRead(BIO* bio, char* data, int size) {
  auto* state = static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t n;
  do {
    n = recv(state->fd, data, static_cast<size_t>(size), 0);
  } while (n < 0 && errno == EINTR);
  state->drained = n < size;
  if (n == 0) state->eof = true;
  if (n < 0) {
    if (errno == EAGAIN) {
      state->watch->set_readable(false);
      BIO_set_retry_read(bio);
    } else {
      state->error = errno;
    }
  }
  return static_cast<int>(n);
}

int BioWrite(BIO* bio, const char* data, int size) {
  auto* state = static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t n;
  do {
    n = send(state->fd, data, static_cast<size_t>(size), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN) {
      state->watch->set_writable(false);
      BIO_set_retry_write(bio);
    } else {
      state->error = errno;
    }
  }
  return static_cast<int>(n);
}

long BioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsState*>(BIO_get_data(bio))->eof ? 1 : 0;
  return 0;
}

BIO_METHOD* NewMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  BIO_meth_set_read(method, BioRead);
  BIO_meth_set_write(method, BioWrite);
  BIO_meth_set_ctrl(method, BioControl);
  return method;
}

}  // namespace

BIO* NewSocketBio(TlsState* state) {
  static BIO_METHOD* const kMethod = NewMethod();
  BIO* bio = BIO_new(kMethod);
  if (!bio) return nullptr;
  BIO_set_data(bio, state);
  BIO_set_init(bio, 1);
  return bio;
}

std::string UriSan(const X509* certificate, bool* several) {
  std::string out;
  int count = 0;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    if (++count > 1) {
      out.clear();
      if (several) *several = true;
      break;
    }
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    out.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
               static_cast<size_t>(ASN1_STRING_length(uri)));
    // A name with a NUL inside reads differently in C code; it is nobody's name.
    if (out.find('\0') != std::string::npos) out.clear();
  }
  GENERAL_NAMES_free(names);
  return out;
}

bool IsCertificateAlert(unsigned long code) {
  if (code == 0 || ERR_SYSTEM_ERROR(code)) return false;
  switch (ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

std::string TakeTlsError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  if (ERR_SYSTEM_ERROR(code)) return ErrnoText(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "TLS error " + std::to_string(ERR_GET_REASON(code));
}

int VerifyPeerChain(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  TlsState* state = TlsState::Of(ssl);
  const TlsContext& tls = *state->tls;
  bool verified = false;
  if (!tls.skip_verify()) {
    verified = X509_verify_cert(store) == 1;
    if (!verified) {
      state->refusal = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
      return 0;
    }
  }
  if (tls.check_peer()) {
    TlsPeer peer;
    if (const X509* leaf = X509_STORE_CTX_get0_cert(store)) {
      peer.uri_san = UriSan(leaf, &peer.several_uris);
    }
    if (base::Status status = tls.check_peer()(peer, verified); !status) {
      state->refusal = status.error().message;
      X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
      return 0;
    }
  }
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

}  // namespace net
