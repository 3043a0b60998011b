#include "runtime/front.hpp"

#include <algorithm>

#include "api/error_reply.hpp"
#include "base/strings.hpp"
#include "runtime/instance.hpp"
#include "runtime/scaler.hpp"

namespace runtime {
namespace {

// Gives the place back when the request is over, however it ends.
class Place {
 public:
  Place(Instance& instance, uint64_t body) : instance_(instance), body_(body) {}
  ~Place() { instance_.Leave(body_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 protected:
  Instance& instance_;
  uint64_t body_;
};

base::Error OverLimit(const Instance& instance) {
  return base::Error(base::Kind::kExhausted,
                     base::StrCat("app ", instance.app_id(),
                                  " has reached its limit of requests in flight or of memory for "
                                  "request bodies (spec.limits)"));
}

// The place of a request that may wait, and so collect a body of which nobody knew the length.
class LongPlace final : public Place, public http::BodyAccount {
 public:
  LongPlace(Instance& instance, uint64_t body, http::Exchange& exchange)
      : Place(instance, body), least_(body), exchange_(exchange) {
    exchange_.SetAccount(this);
  }
  ~LongPlace() { exchange_.SetAccount(nullptr); }

  bool Hold(uint64_t bytes, bool whole) override {
    if (!whole) bytes = std::max(bytes, least_);
    if (!refusal_ && instance_.HoldBody(body_, bytes)) {
      body_ = bytes;
      return true;
    }
    if (!refusal_) refusal_ = OverLimit(instance_);
    return false;
  }
  const base::Error* refusal() const override { return refusal_ ? &*refusal_ : nullptr; }

 private:
  const uint64_t least_;  // as long as more is on its way
  http::Exchange& exchange_;
  std::optional<base::Error> refusal_;
};

// Keeps what the request began with until it is over, also if a reload replaces it.
class Stay {
 public:
  Stay(const Instance& instance, http::Exchange& exchange) : exchange_(exchange) {
    Instance::Hold hold = instance.TakeHold();
    apis_ = std::move(hold.apis);
    exchange_.Keep(std::move(hold.generation));
  }
  ~Stay() { exchange_.Keep(nullptr); }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

 private:
  http::Exchange& exchange_;
  std::shared_ptr<const void> apis_;
};

}  // namespace

http::Handler& Front::HandlerOf(Instance& instance) const {
  switch (port_) {
    case Port::kGrpc:
      return instance.grpc_api();
    case Port::kInternal:
      return instance.internal_api();
    case Port::kPublic:
      return instance.public_api();
    case Port::kHttp:
    case Port::kScaler:  // has a handler of its own
      break;
  }
  return instance.http_api();
}

void Front::Refuse(http::Exchange& exchange, const base::Error& error) const {
  log_.RateLimited("refused", 5)
      .Warning(base::StrCat("refused a request: ", error.message),
               {{"peer", exchange.connection().peer.ip()}});
  if (speaks_grpc()) {
    api::RespondGrpcError(exchange, error);
  } else {
    api::RespondHttpError(exchange, error);
  }
}

void Front::RefuseOverLimit(http::Exchange& exchange, const Instance& instance) const {
  Refuse(exchange, OverLimit(instance));
}

bool Front::IsHealthProbe(const http::Exchange& exchange) const {
  const std::string_view path = exchange.request().path();
  return !speaks_grpc() && exchange.request().method == "GET" &&
         (path == "/v1.0/healthz" || path == "/v1.0/healthz/outbound");
}

bool Front::TryProcessHealth(http::Exchange& exchange) const {
  // A probe of the process (kubelet dials the pod's IP) speaks for no app. Of an app that is not
  // here nobody may hear that it is well.
  if (!IsHealthProbe(exchange)) return false;
  if (tables_.ready()) {
    if (tables_.Here()->NamesAnApp(exchange)) return false;
    http::ResponseHead head;
    head.status = 204;
    exchange.Respond(head, {});
  } else {
    api::RespondHttpError(exchange,
                          base::Error(base::Kind::kUnavailable, base::ErrorId::kHealthNotReady,
                                      "dapr is not ready: [runtime]"));
  }
  return true;
}

bool Front::TryHandle(http::Exchange& exchange) {
  if (scaler_ && Scaler::IsFor(exchange)) return scaler_->TryHandle(exchange);
  // The pointer in Here() may be replaced only between turns of this loop, so a borrowed table is
  // safe for as long as nothing waits.
  const bool probe = IsHealthProbe(exchange);
  auto instance = tables_.Here()->Find(exchange, probe);
  if (!instance) {
    if (TryProcessHealth(exchange)) return true;
    Refuse(exchange, instance.error());
    return true;
  }
  Instance& app = **instance;
  if (app.app_away() && !probe) app.NoteCaller();
  // Health is about the runtime: an app at its limits must not make it look dead.
  if (!app.limited() || probe) return HandlerOf(app).TryHandle(exchange);
  const uint64_t body = app.BodyCost(exchange.body().length());
  if (!app.Enter(body)) {
    RefuseOverLimit(exchange, app);
    return true;
  }
  const Place place(app, body);
  return HandlerOf(app).TryHandle(exchange);
}

async::Task<void> Front::Handle(http::Exchange& exchange) {
  if (scaler_ && Scaler::IsFor(exchange)) {
    co_await scaler_->Handle(exchange);
    co_return;
  }
  const bool probe = IsHealthProbe(exchange);
  auto found = tables_.Here()->Find(exchange, probe);
  if (!found) {
    Refuse(exchange, found.error());
    co_return;
  }
  // Keeps the app alive until this request is over, even if it is removed meanwhile.
  const std::shared_ptr<Instance> instance = (*found)->shared_from_this();
  const Stay stay(*instance, exchange);
  if (!instance->limited() || probe) {
    co_await HandlerOf(*instance).Handle(exchange);
    co_return;
  }
  const uint64_t body = instance->BodyCost(exchange.body().length());
  if (!instance->Enter(body)) {
    RefuseOverLimit(exchange, *instance);
    co_return;
  }
  LongPlace place(*instance, body, exchange);
  co_await HandlerOf(*instance).Handle(exchange);
}

}  // namespace runtime
