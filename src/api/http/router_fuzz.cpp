// Route matching on hostile paths: the first byte picks the method, the rest is the path.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/http/router.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const api::Router router({}, {{"state", "v1", "http"}});
  static const api::Router open({}, {});
  if (size == 0) return 0;
  static constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", ""};
  const std::string_view method = kMethods[data[0] % 6];
  const std::string_view path(reinterpret_cast<const char*>(data) + 1, size - 1);
  api::RouteMatch denied;
  router.Match(method, path, denied);
  api::RouteMatch match;
  open.Match(method, path, match);
  // What is denied may only become invocation, never another route.
  if (denied.op() != match.op() && denied.op() != api::Op::kInvoke) abort();
  for (std::size_t i = 0; i < match.size(); ++i) {
    if (match.raw(i).empty()) abort();
  }
  return 0;
}
