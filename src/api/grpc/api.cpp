#include "api/grpc/api.hpp"

#include <google/protobuf/stubs/logging.h>

#include <chrono>
#include <mutex>
#include <vector>

#include "api/grpc/method.hpp"
#include "api/tokens.hpp"
#include "base/clock.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/status_map.hpp"
#include "grpc/server.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace api {
namespace {

// Workflow workers call this service; it has no package.
constexpr std::string_view kTaskHub = "/TaskHubSidecarService/";

bool HasToken(const AppContext& app, const http::Headers& metadata) {
  return app.api_tokens.empty() ||
         IsApiToken(app.api_tokens, metadata.Get(kApiTokenHeader).value_or(std::string_view()));
}
grpc::Status Unauthorized() {
  return blocks::invoke::StatusOfHttp(401, "authentication error: api token mismatch");
}

// How the call that has just ended on this thread ended. Observer writes it, the frame around the
// service reads it at once.
struct Ended {
  bool known = false;
  bool unary = false;
  grpc::Code code = grpc::Code::kOk;
  std::size_t received = 0;
  std::size_t sent = 0;
};
thread_local Ended t_ended;

class Observer final : public grpc::CallObserver {
 public:
  explicit Observer(const AppContext& app) : app_(app) {}

  std::optional<grpc::Status> OnStart(grpc::ServerCall& call) override {
    if (HasToken(app_, call.metadata())) return std::nullopt;
    return Unauthorized();
  }
  void OnEnd(const grpc::ServerCall& call, grpc::Code code, bool unary, std::size_t request_bytes,
             std::size_t response_bytes) override {
    // Whatever it broke off with, it was the caller that ended it.
    if (code != grpc::Code::kOk && call.context().canceled()) code = grpc::Code::kCancelled;
    t_ended = {true, unary, code, request_bytes, response_bytes};
  }

 private:
  const AppContext& app_;
};

// In front of the proxy: the token is asked for there too, and is not passed on.
class Guard final : public http::Handler {
 public:
  Guard(const AppContext& app, http::Handler* proxy) : app_(app), proxy_(proxy) {}

  bool TryHandle(http::Exchange& exchange) override {
    return app_.api_tokens.empty() && proxy_ && !IsTaskHub(exchange) && proxy_->TryHandle(exchange);
  }

  async::Task<void> Handle(http::Exchange& exchange) override {
    if (!HasToken(app_, exchange.request().headers)) {
      grpc::RespondStatus(exchange, Unauthorized());
      co_return;
    }
    if (IsTaskHub(exchange) || !proxy_) {
      grpc::RespondStatus(exchange, {grpc::Code::kUnimplemented,
                                     base::StrCat("unknown method ", exchange.request().target),
                                     {}});
      co_return;
    }
    if (!app_.api_tokens.empty()) exchange.request().headers.Remove(kApiTokenHeader);
    co_await proxy_->Handle(exchange);
  }

 private:
  static bool IsTaskHub(const http::Exchange& exchange) {
    return exchange.request().target.starts_with(kTaskHub);
  }
  const AppContext& app_;
  http::Handler* const proxy_;
};

}  // namespace

class GrpcApi::Impl {
 public:
  Impl(const AppContext& app, http::Handler* proxy)
      : app_(app),
        observer_(app),
        guard_(app, proxy),
        service_({.max_message = app.max_body_bytes == 0 ? SIZE_MAX : app.max_body_bytes,
                  .observer = &observer_,
                  .fallback = &guard_}) {
    // Text of callers that is no UTF-8 is no news for standard error.
    static std::once_flag once;
    std::call_once(once, [] { google::protobuf::SetLogHandler(nullptr); });
    const Registrar registrar{app, service_};
    AddStateMethods(registrar);
    AddPublishMethods(registrar);
    AddSubscribeMethod(registrar);
    AddSecretMethods(registrar);
    AddMetadataMethods(registrar);
    AddInvokeMethod(registrar);
    AddAbsentMethods(registrar);
    AddReflection(service_);
  }

  bool TryHandle(http::Exchange& exchange) {
    const base::TimePoint start = base::Clock::now();
    t_ended.known = false;
    if (!service_.TryHandle(exchange)) return false;
    Record(exchange, start);
    return true;
  }

  async::Task<void> Handle(http::Exchange& exchange) {
    const base::TimePoint start = base::Clock::now();
    t_ended.known = false;
    co_await service_.Handle(exchange);
    Record(exchange, start);
  }

 private:
  void Record(const http::Exchange& exchange, base::TimePoint start) const {
    if (!std::exchange(t_ended.known, false)) return;
    const Ended ended = t_ended;
    const std::chrono::duration<double, std::milli> elapsed = base::Clock::now() - start;
    const std::string& method = exchange.request().target;
    if (app_.metrics && ended.unary) {
      app_.metrics->GrpcServer(method, static_cast<int>(ended.code), elapsed.count(),
                               static_cast<int64_t>(ended.received),
                               static_cast<int64_t>(ended.sent));
    }
    if (!app_.grpc_log || !app_.grpc_log->Enabled(telemetry::Level::kInfo)) return;
    std::vector<telemetry::LogField> fields = {{"method", method},
                                               {"code", static_cast<int>(ended.code)},
                                               {"duration", static_cast<int64_t>(elapsed.count())}};
    if (const auto agent = exchange.request().headers.Get("user-agent"); agent && !agent->empty()) {
      fields.emplace_back("useragent", *agent);
    }
    app_.grpc_log->Write(telemetry::Level::kInfo, "gRPC API Called", fields);
  }

  const AppContext& app_;
  Observer observer_;
  Guard guard_;
  grpc::Service service_;
};

GrpcApi::GrpcApi(const AppContext& app, http::Handler* proxy)
    : impl_(std::make_unique<Impl>(app, proxy)) {}
GrpcApi::~GrpcApi() = default;

bool GrpcApi::TryHandle(http::Exchange& exchange) {
  return impl_->TryHandle(exchange);
}
async::Task<void> GrpcApi::Handle(http::Exchange& exchange) {
  return impl_->Handle(exchange);
}

}  // namespace api
