// The token by which sentry recognises who asks for an identity. Read again for every request,
// because whoever mounts it replaces it.
#pragma once

#include <string>

#include "base/result.hpp"

namespace control {

/// How sentry is to check the token; the numbers are those of the protocol.
enum class TokenValidator { kInsecure = 1, kKubernetes = 2, kJwks = 3 };

struct SentryToken {
  std::string text;  // a secret; empty for kInsecure
  TokenValidator validator = TokenValidator::kInsecure;
  std::string file = {};  // it was read from
};

struct TokenSource {
  /// The file that was named for it (DAPR_SENTRY_TOKEN_FILE, or an app's own); it must have a
  /// token. Empty: the files that Kubernetes mounts, in Kubernetes mode only.
  std::string file;
  bool kubernetes = false;
  // For tests.
  std::string projected_file = "/var/run/secrets/dapr.io/sentrytoken/token";
  std::string service_account_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
};

/// Blocking, for small files. Errors name the file and how to mend it, never its contents. Without
/// any token the validator is kInsecure, or kKubernetes in Kubernetes mode, which sentry refuses.
base::Result<SentryToken> ReadSentryToken(const TokenSource& source);

}  // namespace control
