#include "net/spiffe.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace net {
namespace {

constexpr std::string_view kScheme = "spiffe://";

std::unexpected<base::Error> Malformed(std::string_view text, std::string_view why) {
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("malformed SPIFFE ID: ", base::Quote(text), ": ", why));
}

bool IsDomainChar(char c) {
  return (c >= 'a' && c <= 'z') || base::IsDigit(c) || c == '.' || c == '-' || c == '_';
}
bool IsPathChar(char c) {
  return IsDomainChar(c) || (c >= 'A' && c <= 'Z');
}

bool IsSegment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         std::all_of(segment.begin(), segment.end(), IsPathChar);
}

}  // namespace

base::Result<SpiffeId> ParseSpiffeId(std::string_view text) {
  if (!text.starts_with(kScheme)) return Malformed(text, "it does not begin with spiffe://");
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  SpiffeId out{rest.substr(0, slash), rest.substr(slash)};
  if (out.trust_domain.empty()) return Malformed(text, "it has no trust domain");
  if (!std::all_of(out.trust_domain.begin(), out.trust_domain.end(), IsDomainChar)) {
    return Malformed(text, "its trust domain has other characters than a-z, 0-9, '.', '-', '_'");
  }
  if (out.path.empty()) return out;
  for (const std::string_view segment : base::SplitView(out.path.substr(1), '/')) {
    if (!IsSegment(segment)) return Malformed(text, "its path has a segment that is not allowed");
  }
  return out;
}

base::Result<SpiffeApp> ParseSpiffeApp(std::string_view text) {
  ASSIGN_OR_RETURN(const SpiffeId id, ParseSpiffeId(text));
  const auto parts = base::SplitView(id.path, '/');
  if (parts.size() != 4 || parts[1] != "ns") {
    return Malformed(text, "its path is not /ns/<namespace>/<app-id>");
  }
  return SpiffeApp{id.trust_domain, parts[2], parts[3]};
}

std::string SpiffePath(std::string_view app_namespace, std::string_view app_id) {
  return base::StrCat("/ns/", app_namespace, "/", app_id);
}

std::string SpiffeIdText(std::string_view trust_domain, std::string_view app_namespace,
                         std::string_view app_id) {
  return base::StrCat(kScheme, trust_domain, SpiffePath(app_namespace, app_id));
}

}  // namespace net
