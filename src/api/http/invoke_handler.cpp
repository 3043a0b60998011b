#include <utility>

#include "api/http/handlers.hpp"
#include "api/http/invoke_target.hpp"
#include "api/http/limited_body.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "http/client.hpp"

namespace api {
namespace {

// Passes the app's interim responses on while ours has not begun.
class Interim final : public http::InterimObserver {
 public:
  explicit Interim(http::Exchange& exchange) : exchange_(exchange) {}
  void OnInterim(const http::ResponseHead& head) override {
    if (!exchange_.started() && head.status != 100) exchange_.Inform(head);
  }

 private:
  http::Exchange& exchange_;
};

base::Error TooLarge(std::string_view id) {
  return base::Error(base::Kind::kTooLarge, base::ErrorId::kDirectInvoke,
                     base::StrCat("failed to invoke, id: ", id, ", err: stream too large"));
}

// The rest of a response of which nothing or only the head has been sent, piece by piece.
async::Task<void> PassOn(HttpCall& call, http::Body& body) {
  http::Exchange& exchange = call.exchange();
  while (true) {
    auto chunk = co_await http::NextChunk(body, call.context());
    if (!chunk) {
      // The caller must not take a part for the whole.
      exchange.Abort();
      co_return;
    }
    if (!*chunk) break;
    exchange.Write(**chunk);
    if (exchange.congested() && !co_await exchange.Drain(call.context())) {
      exchange.Abort();
      co_return;
    }
  }
  exchange.Finish(body.trailers());
}

}  // namespace

async::Task<void> Invoke(HttpCall& call) {
  auto target = FindInvokeTarget(call.request());
  if (!target) {
    co_return call.Fail(
        base::Error(base::Kind::kNotFound, base::ErrorId::kDirectInvokeNoAppId,
                    "failed getting app id either from the URL path or the header dapr-app-id"));
  }
  const std::string id = std::move(target->id);
  // A call may last for long and uses no component.
  call.exchange().Keep(nullptr);
  if (call.app().log_obfuscate_urls) call.SetLogName(base::StrCat("InvokeService/", id));

  blocks::invoke::InvokeRequest request;
  request.target = id;
  request.method = target->method;
  request.query = call.request().query();
  request.bare_query = call.request().target.ends_with('?') && request.query.empty();
  request.verb = call.request().method;
  request.authority = call.request().authority;
  request.headers = call.TakeHeaders();
  request.headers.Remove("dapr-app-id");

  http::Body& body = call.exchange().body();
  LimitedBody limited(body, call.body_limit(), call.exchange().account());
  const auto length = body.length();
  if (length && *length > call.body_limit()) co_return call.Fail(TooLarge(id));
  // A body that says how long it is needs nobody to count.
  request.body = length ? &body : static_cast<http::Body*>(&limited);

  Interim interim(call.exchange());
  auto response = co_await call.app().invoke->Invoke(call.context(), std::move(request), &interim);
  if (!response) {
    co_return call.Fail(limited.exceeded() ? TooLarge(id) : response.error());
  }
  http::ResponseHead head;
  head.status = response->status;
  head.headers = std::move(response->headers);
  if (const auto whole = response->body->Whole(); whole && !response->body->trailers()) {
    co_return call.Respond(head, *whole);
  }
  call.Decorate(head);
  call.exchange().Start(head);
  co_await PassOn(call, *response->body);
}

}  // namespace api
