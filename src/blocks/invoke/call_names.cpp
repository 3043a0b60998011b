// Names of apps and what the caller's runtime adds to a request (declared in invoke_block.hpp).
#include "base/strings.hpp"
#include "blocks/invoke/invoke_block.hpp"

namespace blocks::invoke {

base::Result<AppName> ParseAppName(std::string_view target, std::string_view own_namespace) {
  const std::size_t dot = target.find('.');
  if (target.empty() ||
      (dot != std::string_view::npos && target.find('.', dot + 1) != std::string_view::npos)) {
    return base::Fail(base::Kind::kInvalidArgument, base::StrCat("invalid app id ", target));
  }
  if (dot == std::string_view::npos) return AppName{target, own_namespace};
  return AppName{target.substr(0, dot), target.substr(dot + 1)};
}

void AddForwarded(const InvokeOptions& options, http::Headers& headers) {
  std::string forwarded;
  if (!options.host_address.empty()) {
    headers.Add("X-Forwarded-For", options.host_address);
    base::StrAppend(forwarded, "for=", options.host_address, ";by=", options.host_address, ";");
  }
  if (!options.host_name.empty()) {
    headers.Add("X-Forwarded-Host", options.host_name);
    base::StrAppend(forwarded, "host=", options.host_name);
  }
  if (!forwarded.empty()) headers.Add("Forwarded", forwarded);
}

http::Headers WithNames(const http::Headers& headers, const CallNames& names, bool grpc_origin) {
  http::Headers out;
  out.Reserve(headers.size() + 3, headers.bytes() + 160);
  out.Add("dapr-caller-app-id", names.caller_app_id);
  out.Add("dapr-caller-namespace", names.caller_namespace);
  out.Add("dapr-callee-app-id", names.callee_app_id);
  for (const auto& [name, value] : headers) {
    // In metadata there is one key of a name; in HTTP the caller's own fields stay beside ours.
    if (grpc_origin && (name == "dapr-caller-app-id" || name == "dapr-caller-namespace" ||
                        name == "dapr-callee-app-id")) {
      continue;
    }
    out.Add(name, value);
  }
  return out;
}

}  // namespace blocks::invoke
