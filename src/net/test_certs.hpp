// Certificates made on the spot for tests of TLS.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/tls.hpp"

struct x509_st;
struct evp_pkey_st;

namespace net::testing {

struct CertificateNames {
  std::string common_name = "test";
  std::string alternative;  // OpenSSL's notation: "DNS:a.example,IP:127.0.0.1,URI:spiffe://td/x"
};

/// A certificate authority with a key of its own.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA");
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  std::string pem() const;
  /// A leaf valid for an hour, or expired an hour ago.
  TlsIdentity Issue(const CertificateNames& names, bool expired = false) const;
  /// Signs a request as sentry does: its key, the given names, valid between these times relative
  /// to now. The chain of leaf and authority.
  std::string Sign(const std::string& request_pem, const CertificateNames& names,
                   std::chrono::seconds from, std::chrono::seconds until) const;

 private:
  x509_st* certificate_;
  evp_pkey_st* key_;
};

}  // namespace net::testing
