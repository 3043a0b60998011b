// OpenSSL's objects as unique pointers, and certificates read from PEM. Inside net/ only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace net {

template <auto F>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    F(object);
  }
};
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;

/// Reads from `text`, which must stay.
BioPtr MemoryBio(const std::string& text);

/// The passphrase callback that has none: keys and blocks with a passphrase are refused. Without it
/// OpenSSL would ask on the terminal, and wait.
int NoPassphrase(char*, int, int, void*);

/// All CERTIFICATE blocks of a PEM text, at least one. `what` names the input in errors.
base::Result<std::vector<X509Ptr>> ParseCertificates(const std::string& pem, const char* what);

}  // namespace net
