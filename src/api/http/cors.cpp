#include "api/http/cors.hpp"

#include <algorithm>

#include "api/http/query.hpp"
#include "base/strings.hpp"

namespace api {
namespace {

bool IsAllowedMethod(std::string_view method) {
  static constexpr std::string_view kMethods[] = {"HEAD",  "GET",    "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
  return std::ranges::find(kMethods, method) != std::end(kMethods);
}

bool MatchesOrigin(std::string_view pattern, std::string_view origin) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return base::EqualsIgnoreCase(pattern, origin);
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return origin.size() >= head.size() + tail.size() && origin.starts_with(head) &&
         origin.ends_with(tail);
}

}  // namespace

bool Cors::Allows(std::string_view origin) const {
  if (origin.empty()) return false;
  return std::ranges::any_of(origins_, [&](const std::string& pattern) {
    return pattern == "*" || MatchesOrigin(pattern, origin);
  });
}

bool Cors::Apply(HttpCall& call) const {
  const std::string_view origin = call.Header("origin");
  const auto method = call.request().headers.Get("access-control-request-method");
  const bool preflight = call.request().method == "OPTIONS" && method && !method->empty();
  call.AddField("Vary", "Origin");
  if (!preflight) {
    if (Allows(origin)) {
      call.AddField("Access-Control-Allow-Origin", origin);
    }
    return false;
  }
  call.AddField("Vary", "Access-Control-Request-Method");
  call.AddField("Vary", "Access-Control-Request-Headers");
  if (Allows(origin) && IsAllowedMethod(base::ToUpper(*method))) {
    call.AddField("Access-Control-Allow-Origin", origin);
    call.AddField("Access-Control-Allow-Methods", base::ToUpper(*method));
    std::string names;
    for (const std::string& name :
         base::SplitTrimmed(call.Header("access-control-request-headers"), ',')) {
      if (!names.empty()) names += ", ";
      names += CanonicalFieldName(name);
    }
    if (!names.empty()) call.AddField("Access-Control-Allow-Headers", names);
  }
  call.Empty(200);
  return true;
}

}  // namespace api
