#include "net/test_certs.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace net::testing {
namespace {

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}

std::string CertificatePem(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return Text(bio);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(EVP_PKEY* key, const std::string& name, long from, long until) {
  static std::atomic<long> serial{1};
  X509* out = X509_new();
  X509_set_version(out, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out), serial++);
  X509_gmtime_adj(X509_getm_notBefore(out), from);
  X509_gmtime_adj(X509_getm_notAfter(out), until);
  X509_set_pubkey(out, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return out;
}

}  // namespace

TestCa::TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  certificate_ = NewCertificate(key_, name, -7200, 7200);
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  AddExtension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_, certificate_, NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(certificate_, key_, EVP_sha256());
}

TestCa::~TestCa() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string TestCa::pem() const {
  return CertificatePem(certificate_);
}

std::string TestCa::Sign(const std::string& request_pem, const CertificateNames& names,
                         std::chrono::seconds from, std::chrono::seconds until) const {
  BIO* bio = BIO_new_mem_buf(request_pem.data(), static_cast<int>(request_pem.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  EVP_PKEY* key = request ? X509_REQ_get_pubkey(request) : nullptr;
  if (!key || X509_REQ_verify(request, key) != 1) return "";
  X509* leaf = NewCertificate(key, names.common_name, from.count(), until.count());
  X509_set_issuer_name(leaf, X509_get_subject_name(certificate_));
  AddExtension(leaf, certificate_, NID_key_usage, "critical,digitalSignature");
  AddExtension(leaf, certificate_, NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(leaf, certificate_, NID_subject_alt_name, names.alternative);
  X509_sign(leaf, key_, EVP_sha256());
  std::string out = CertificatePem(leaf) + pem();
  X509_free(leaf);
  EVP_PKEY_free(key);
  X509_REQ_free(request);
  return out;
}

TlsIdentity TestCa::Issue(const CertificateNames& names, bool expired) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* leaf = NewCertificate(key, names.common_name, -7000, expired ? -3600 : 3600);
  X509_set_issuer_name(leaf, X509_get_subject_name(certificate_));
  AddExtension(leaf, certificate_, NID_key_usage, "critical,digitalSignature");
  AddExtension(leaf, certificate_, NID_ext_key_usage, "serverAuth,clientAuth");
  if (!names.alternative.empty()) {
    AddExtension(leaf, certificate_, NID_subject_alt_name, names.alternative);
  }
  X509_sign(leaf, key_, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  TlsIdentity out{CertificatePem(leaf), Text(bio)};
  X509_free(leaf);
  EVP_PKEY_free(key);
  return out;
}

}  // namespace net::testing
