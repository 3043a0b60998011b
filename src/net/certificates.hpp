// What identities need of X.509 beside the handshake: requests for a certificate, and a look into
// certificates. PEM texts in and out. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace net {

struct CertificateRequest {
  std::string private_key_pem;  // PKCS#8, unencrypted; a secret
  std::string request_pem;      // PKCS#10 with an empty subject
};
/// A fresh Ed25519 key and a request for a certificate of it.
base::Result<CertificateRequest> NewCertificateRequest();

/// The first certificate of a chain.
struct LeafInfo {
  std::string uri_san;  // the only URI subject alternative name, or ""
  base::WallTime not_before;
  base::WallTime not_after;
};
/// kInvalidArgument if the text does not begin with a certificate.
base::Result<LeafInfo> InspectLeaf(const std::string& chain_pem);

/// The distinct certificates of a PEM text, each in its own canonical PEM form, sorted: two texts
/// with the same certificates give equal lists. kInvalidArgument names the block that is none, or
/// says that there is none; `what` names the text.
base::Result<std::vector<std::string>> SplitCertificates(const std::string& pem, const char* what);

/// Whether the signatures of the chain (leaf first) lead to one of the anchors. Does not look at
/// times.
bool ChainLeadsTo(const std::string& chain_pem, const std::string& anchors_pem);

}  // namespace net
