#include "api/http/public_api.hpp"

#include <array>
#include <string_view>

#include "api/http/handlers.hpp"
#include "api/http/http_call.hpp"

namespace api {
namespace {

bool IsPublic(Op op) {
  return op == Op::kGetMetadata || op == Op::kPutMetadata || op == Op::kHealthz ||
         op == Op::kHealthzOutbound;
}

// The method that a public path takes; empty if the path is none.
std::string_view MethodOf(const Router& router, std::string_view path) {
  for (const std::string_view method : {std::string_view("GET"), std::string_view("PUT")}) {
    RouteMatch match;
    router.Match(method, path, match);
    if (IsPublic(match.op())) return method;
  }
  return {};
}

}  // namespace

async::Task<void> PublicApi::Handle(http::Exchange& exchange) {
  HttpCall call(app_, exchange);
  router_.Match(call.request().method, call.request().path(), call.match());
  switch (call.match().op()) {
    case Op::kGetMetadata:
      TryGetMetadata(call);
      break;
    case Op::kPutMetadata:
      co_await PutMetadata(call);
      break;
    case Op::kHealthz:
      TryHealthz(call);
      break;
    case Op::kHealthzOutbound:
      TryHealthzOutbound(call);
      break;
    default: {
      const std::string_view allowed = MethodOf(router_, call.request().path());
      if (allowed.empty()) {
        call.AddField("X-Content-Type-Options", "nosniff");
        call.Text(404, "404 page not found\n");
      } else {
        call.AddField("Allow", allowed);
        call.Empty(405);
      }
    }
  }
  call.Ended();
}

}  // namespace api
