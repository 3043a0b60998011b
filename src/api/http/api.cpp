#include "api/http/api.hpp"

#include <array>

#include "api/http/handlers.hpp"
#include "api/tokens.hpp"
#include "base/strings.hpp"
#include "telemetry/baggage.hpp"

namespace api {
namespace {

struct Functions {
  async::Task<void> (*handle)(HttpCall&) = nullptr;
  bool (*try_handle)(HttpCall&) = nullptr;  // with no `handle`: always answers
};

constexpr auto kFunctions = [] {
  std::array<Functions, static_cast<std::size_t>(Op::kCount)> table;
  table.fill({AnswerAbsent, nullptr});
  const auto set = [&table](Op op, Functions functions) {
    table[static_cast<std::size_t>(op)] = functions;
  };
  set(Op::kInvoke, {Invoke, nullptr});
  set(Op::kGetState, {GetState, TryGetState});
  set(Op::kDeleteState, {DeleteState, TryDeleteState});
  set(Op::kSaveState, {SaveState, TrySaveState});
  set(Op::kBulkGetState, {BulkGetState, nullptr});
  set(Op::kStateTransaction, {StateTransaction, nullptr});
  set(Op::kQueryState, {QueryState, nullptr});
  set(Op::kPublish, {Publish, TryPublish});
  set(Op::kBulkPublish, {BulkPublish, nullptr});
  set(Op::kGetSecret, {GetSecret, nullptr});
  set(Op::kGetBulkSecret, {GetBulkSecret, nullptr});
  set(Op::kGetMetadata, {nullptr, TryGetMetadata});
  set(Op::kPutMetadata, {PutMetadata, nullptr});
  set(Op::kShutdown, {nullptr, TryShutdown});
  set(Op::kHealthz, {nullptr, TryHealthz});
  set(Op::kHealthzOutbound, {nullptr, TryHealthzOutbound});
  return table;
}();
const Functions& FunctionsOf(Op op) {
  return kFunctions[static_cast<std::size_t>(op)];
}

bool IsHealth(Op op) {
  return op == Op::kHealthz || op == Op::kHealthzOutbound;
}

// A path with a broken escape names nothing, neither a route nor a method of an app.
bool HasBadEscape(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 3)) {
    if (at + 2 >= path.size() || base::HexValue(path[at + 1]) < 0 ||
        base::HexValue(path[at + 2]) < 0) {
      return true;
    }
  }
  return false;
}

bool HasBadBaggage(const http::Headers& headers) {
  std::string all;
  for (const auto& [name, value] : headers) {
    if (!http::NameEquals(name, "baggage")) continue;
    if (!all.empty()) all += ',';
    all += value;
  }
  return !all.empty() && !telemetry::ValidateBaggage(all);
}

}  // namespace

HttpApi::HttpApi(const AppContext& app)
    : app_(app), router_(app.allowed, app.denied), cors_(app.cors_origins) {}

bool HttpApi::HasToken(const HttpCall& call) const {
  return app_.api_tokens.empty() || IsHealth(call.match().op()) ||
         IsApiToken(app_.api_tokens, call.Header(kApiTokenHeader));
}

// The pipeline. Trace context and clock came with the HttpCall, so that whatever happens from here
// on is measured and answered with the caller's trace; metrics and API log follow in
// HttpCall::Ended.
bool HttpApi::Admit(HttpCall& call) const {
  // What nobody can read is refused before anybody acts on it.
  if (HasBadEscape(call.request().path())) {
    call.Text(400, "400 Bad Request");
    return false;
  }
  if (HasBadBaggage(call.request().headers)) {
    call.Text(400, "invalid baggage header\n");
    return false;
  }
  // CORS before the token: a browser asks without credentials whether it may ask.
  if (cors_.on() && cors_.Apply(call)) return false;
  // The token before anything reads the request. Health checks come from those who have none.
  if (!HasToken(call)) {
    call.AddField("X-Content-Type-Options", "nosniff");
    call.Text(401, "invalid api token\n");
    return false;
  }
  // It is ours, not the app's.
  if (!app_.api_tokens.empty()) call.exchange().request().headers.Remove(kApiTokenHeader);
  // An app that may not invoke others meets the same wall as one that names nobody.
  if (call.match().op() == Op::kInvoke && !router_.invoke_allowed()) {
    call.Fail(
        base::Error(base::Kind::kNotFound, base::ErrorId::kDirectInvokeNoAppId,
                    "failed getting app id either from the URL path or the header dapr-app-id"));
    return false;
  }
  return true;
}

bool HttpApi::TryHandle(http::Exchange& exchange) {
  // Invocation is the busiest route and always waits for somebody.
  const std::string_view path = exchange.request().path();
  if (!path.starts_with("/v1.0/") || path.starts_with("/v1.0/invoke/")) return false;
  HttpCall call(app_, exchange);
  router_.Match(call.request().method, call.request().path(), call.match());
  const Functions& functions = FunctionsOf(call.match().op());
  // Only requests that pass every step of the pipeline without a word; Handle speaks to the others.
  if (!functions.try_handle || cors_.on() || !HasToken(call) ||
      HasBadEscape(call.request().path()) || call.request().headers.Has("baggage")) {
    return false;
  }
  if (!functions.try_handle(call)) return false;
  call.Ended();
  return true;
}

async::Task<void> HttpApi::Handle(http::Exchange& exchange) {
  HttpCall call(app_, exchange);
  router_.Match(call.request().method, call.request().path(), call.match());
  if (Admit(call)) {
    const Functions& functions = FunctionsOf(call.match().op());
    if (functions.handle) {
      co_await functions.handle(call);
    } else {
      functions.try_handle(call);
    }
  }
  call.Ended();
}

}  // namespace api
