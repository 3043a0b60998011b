#include "control/sentry/token.hpp"

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/strings.hpp"

namespace control {
namespace {

constexpr std::size_t kMaxToken = std::size_t{64} << 10;

// Whether a JWT was made by a Kubernetes API server: its claims then name the pod.
bool IsKubernetesToken(std::string_view token) {
  const auto parts = base::SplitView(token, '.');
  if (parts.size() != 3) return false;
  const auto claims = base::Base64UrlDecodeRaw(parts[1]);
  return claims && claims->find("\"kubernetes.io\"") != std::string::npos;
}

base::Result<std::string> ReadToken(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxToken));
  return std::string(base::Trim(text));
}

}  // namespace

base::Result<SentryToken> ReadSentryToken(const TokenSource& source) {
  if (!source.file.empty()) {
    auto token = ReadToken(source.file);
    if (!token) {
      return base::Fail(token.error().kind,
                        base::StrCat("the token for sentry cannot be read: ", token.error().message,
                                     "; name a readable file"));
    }
    if (token->empty()) {
      return base::Fail(
          base::Kind::kInvalidArgument,
          base::StrCat("the token for sentry is missing: file ", source.file, " is empty"));
    }
    const bool kubernetes = IsKubernetesToken(*token);
    return SentryToken{std::move(*token),
                       kubernetes ? TokenValidator::kKubernetes : TokenValidator::kJwks,
                       source.file};
  }
  if (!source.kubernetes) return SentryToken{};
  for (const std::string& path : {source.projected_file, source.service_account_file}) {
    auto token = ReadToken(path);
    if (token && !token->empty()) {
      return SentryToken{std::move(*token), TokenValidator::kKubernetes, path};
    }
    if (!token && token.error().kind != base::Kind::kNotFound) {
      return base::Fail(token.error().kind, base::StrCat("the token for sentry cannot be read: ",
                                                         token.error().message));
    }
  }
  return base::Fail(
      base::Kind::kNotFound,
      base::StrCat("the token for sentry is missing: neither ", source.projected_file, " nor ",
                   source.service_account_file, " exists; mount a service account token there"));
}

}  // namespace control
