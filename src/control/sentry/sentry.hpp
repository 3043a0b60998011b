// Client of sentry, the certificate authority of the control plane (dapr.proto.sentry.v1.CA).
//
// One connection a request: requests are hours apart. Sentry must prove its own SPIFFE id; its host
// name is not looked at. One loop's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "control/sentry/token.hpp"
#include "http/client.hpp"
#include "net/resolver.hpp"

namespace control {

struct IdentityRequest {
  std::string app_id;
  std::string app_namespace;
  std::string request_pem;  // PKCS#10
  SentryToken token;
  std::vector<std::string> jwt_audiences;
};

/// Gives out identities. The part of SentryClient that others depend on.
class IdentityIssuer {
 public:
  virtual ~IdentityIssuer() = default;
  /// The certificate chain (leaf first, PEM). `anchors_pem`: whom to trust for sentry itself.
  /// kPermissionDenied: sentry answered and refuses, so that asking again cannot help; any other
  /// kind may pass. Texts name sentry's address and how to mend what is wrong.
  virtual async::Task<base::Result<std::string>> Issue(const async::Context& context,
                                                       const IdentityRequest& request,
                                                       const std::string& anchors_pem) = 0;
};

class SentryClient final : public IdentityIssuer {
 public:
  struct Options {
    std::string address;    // host:port
    std::string spiffe_id;  // sentry's own
  };
  /// `client` and `resolver` belong to the loop it is used on, and outlive it.
  SentryClient(Options options, http::Client& client, net::Resolver& resolver)
      : options_(std::move(options)), client_(client), resolver_(resolver) {}

  /// Takes at most 10 s.
  async::Task<base::Result<std::string>> Issue(const async::Context& context,
                                               const IdentityRequest& request,
                                               const std::string& anchors_pem) override;

 private:
  base::Error Unreachable(const base::Error& cause) const;

  const Options options_;
  http::Client& client_;
  net::Resolver& resolver_;
};

}  // namespace control
