#include "net/certificates.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/strings.hpp"
#include "net/openssl_pem.hpp"
#include "net/tls_state.hpp"

namespace net {
namespace {

using RequestPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using NamePtr = std::unique_ptr<X509_NAME, FreeWith<X509_NAME_free>>;

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::unexpected<base::Error> Failed(const char* what) {
  return base::Fail(base::Kind::kInternal, base::StrCat(what, ": ", TakeTlsError()));
}

base::WallTime WallTimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // Far ends, such as 9999-12-31, are beyond WallTime.
  constexpr std::time_t kEnd = 9'000'000'000;
  return base::WallTime(std::chrono::seconds(std::clamp<std::time_t>(timegm(&parts), 0, kEnd)));
}

}  // namespace

BioPtr MemoryBio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int NoPassphrase(char*, int, int, void*) {
  return -1;
}

base::Result<std::vector<X509Ptr>> ParseCertificates(const std::string& pem, const char* what) {
  std::vector<X509Ptr> out;
  ERR_clear_error();
  const BioPtr bio = MemoryBio(pem);
  while (X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)}) {
    out.push_back(std::move(certificate));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end || out.empty()) {
    std::string reason = at_end ? "it holds no CERTIFICATE block" : TakeTlsError();
    ERR_clear_error();
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat(what, ": block ", out.size() + 1, " is not a PEM certificate: ", reason));
  }
  ERR_clear_error();
  return out;
}

base::Result<CertificateRequest> NewCertificateRequest() {
  ERR_clear_error();
  const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return Failed("Ed25519 key");
  const RequestPtr request(X509_REQ_new());
  const NamePtr nobody(X509_NAME_new());
  // Ed25519 signs without a digest.
  if (!request || !nobody || X509_REQ_set_version(request.get(), 0) != 1 ||
      X509_REQ_set_subject_name(request.get(), nobody.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), nullptr) == 0) {
    return Failed("certificate request");
  }
  CertificateRequest out;
  const BioPtr text(BIO_new(BIO_s_mem()));
  // A buffer that held a key is overwritten before it is given back.
  const BioPtr secret(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_X509_REQ(text.get(), request.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return Failed("certificate request");
  }
  out.request_pem = Contents(text.get());
  out.private_key_pem = Contents(secret.get());
  return out;
}

base::Result<LeafInfo> InspectLeaf(const std::string& chain_pem) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ParseCertificates(chain_pem, "certificate"));
  const X509* leaf = chain.front().get();
  return LeafInfo{.uri_san = UriSan(leaf),
                  .not_before = WallTimeOf(X509_get0_notBefore(leaf)),
                  .not_after = WallTimeOf(X509_get0_notAfter(leaf))};
}

base::Result<std::vector<std::string>> SplitCertificates(const std::string& pem, const char* what) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> all, ParseCertificates(pem, what));
  std::vector<std::string> out;
  for (const X509Ptr& certificate : all) {
    const BioPtr text(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(text.get(), certificate.get());
    out.push_back(Contents(text.get()));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool ChainLeadsTo(const std::string& chain_pem, const std::string& anchors_pem) {
  const auto chain = ParseCertificates(chain_pem, "certificate");
  const auto anchors = ParseCertificates(anchors_pem, "anchors");
  if (!chain || !anchors) return false;
  const StorePtr store(X509_STORE_new());
  for (const X509Ptr& anchor : *anchors) X509_STORE_add_cert(store.get(), anchor.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  STACK_OF(X509)* between = sk_X509_new_null();
  for (std::size_t i = 1; i < chain->size(); ++i) sk_X509_push(between, (*chain)[i].get());
  const StoreContextPtr context(X509_STORE_CTX_new());
  const bool leads =
      X509_STORE_CTX_init(context.get(), store.get(), chain->front().get(), between) == 1 &&
      X509_verify_cert(context.get()) == 1;
  sk_X509_free(between);
  ERR_clear_error();
  return leads;
}

}  // namespace net
