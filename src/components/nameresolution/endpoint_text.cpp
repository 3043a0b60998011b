#include "components/nameresolution/endpoint_text.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace components::nameresolution {
namespace {

bool IsNameChar(char c) {
  const char lower = base::LowerChar(c);
  return (lower >= 'a' && lower <= 'z') || base::IsDigit(c) || c == '-' || c == '_' || c == '.';
}

std::unexpected<base::Error> Bad(std::string_view text) {
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat(base::Quote(text), " is not an address: write host:port"));
}

}  // namespace

base::Result<contracts::Endpoint> ParseEndpoint(std::string_view text, uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  bool v6 = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Bad(text);
    host = text.substr(1, end - 1);
    v6 = true;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (!rest.starts_with(':')) return Bad(text);
      port = rest.substr(1);
      has_port = true;
    }
  } else if (const auto colons = std::ranges::count(text, ':'); colons == 1) {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  } else if (colons > 1) {
    v6 = true;
  }
  const bool good_host =
      !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [v6](char c) {
        return IsNameChar(c) || (v6 && (c == ':' || c == '%'));
      });
  if (!good_host) return Bad(text);
  contracts::Endpoint endpoint{std::string(host), default_port};
  if (has_port) {
    const auto number = base::ParseUint<uint16_t>(port);
    if (!number || *number == 0) return Bad(text);
    endpoint.port = *number;
  }
  return endpoint;
}

std::string EndpointText(std::string_view host, uint16_t port) {
  if (host.find(':') != std::string_view::npos && !host.starts_with('[')) {
    return base::StrCat("[", host, "]:", port);
  }
  return base::StrCat(host, ":", port);
}

base::Status CheckAppId(std::string_view app_id) {
  if (!app_id.empty() && std::ranges::all_of(app_id, IsNameChar)) return {};
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("invalid app id ", base::Quote(app_id),
                                 ": use letters, digits, '-', '_' and '.'"));
}

}  // namespace components::nameresolution
