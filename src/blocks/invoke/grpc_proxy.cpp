#include "blocks/invoke/grpc_proxy.hpp"

#include <chrono>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/checked_body.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/peer_call.hpp"
#include "grpc/server.hpp"
#include "resiliency/execution.hpp"

namespace blocks::invoke {
namespace {

using http::NameEquals;

constexpr std::string_view kNoTarget =
    "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata";

// Ends the exchange with a status, however far it has come.
grpc::Code End(http::Exchange& exchange, const grpc::Status& status) {
  if (!exchange.started()) {
    grpc::RespondStatus(exchange, status);
  } else {
    http::Headers trailers;
    grpc::AppendStatus(status, trailers);
    exchange.Finish(&trailers);
  }
  return status.code;
}

grpc::Code End(http::Exchange& exchange, const base::Error& error) {
  if (const base::RemoteStatus* remote = error.remote()) {
    return End(exchange, {static_cast<grpc::Code>(remote->code), remote->message, remote->details});
  }
  return End(exchange, {grpc::CodeOfKind(error.kind), error.message, {}});
}

// The request as the next hop gets it. `names` is set where this hop speaks for an app.
http::RequestHead NextHead(const http::RequestHead& request, const contracts::Call& call,
                           const CallNames* names) {
  http::RequestHead head;
  head.method = "POST";
  head.target = request.target;
  head.protocol = http::Protocol::kHttp2;
  head.headers.Reserve(request.headers.size() + 6, request.headers.bytes() + 256);
  head.headers.Add("te", "trailers");
  for (const auto& [name, value] : request.headers) {
    if (http::IsHopByHop(name) || IsTraceField(name)) continue;
    switch (name.size()) {
      case 4:
        if (NameEquals(name, "host")) continue;
        break;
      case 11:
        if (NameEquals(name, "dapr-app-id")) continue;
        break;
      case 14:
        if (NameEquals(name, "content-length") || NameEquals(name, "dapr-api-token")) continue;
        break;
      case 18:
        if (names &&
            (NameEquals(name, "dapr-caller-app-id") || NameEquals(name, "dapr-callee-app-id"))) {
          continue;
        }
        break;
      default:
        break;
    }
    head.headers.Add(name, value);
  }
  if (names) {
    head.headers.Add("dapr-caller-app-id", names->caller_app_id);
    head.headers.Add("dapr-callee-app-id", names->callee_app_id);
  }
  AddTrace(call, request.headers, true, head.headers);
  return head;
}

grpc::Code CodeOf(const http::Headers* trailers, const http::Headers& head) {
  grpc::Status status;
  if ((trailers && grpc::ParseStatus(*trailers, status)) || grpc::ParseStatus(head, status)) {
    return status.code;
  }
  return grpc::Code::kUnknown;
}

grpc::Status TooLarge(const base::Error& error) {
  return {grpc::Code::kResourceExhausted, error.message, {}};
}

// Sends the answer on, piece by piece, and ends the exchange. `request` is what the other side is
// being sent meanwhile.
async::Task<grpc::Code> PassBack(http::Exchange& exchange, const async::Context& context,
                                 http::Response& response, const CheckedBody& request) {
  StripHopByHop(response.head.headers);
  CheckedBody body(*response.body, request.max_message());
  std::string_view chunk;
  http::Body::Poll poll = body.TryRead(chunk);
  if (poll == http::Body::Poll::kEnd && !body.trailers()) {
    // Status in the head, nothing else: keep the form, some clients tell the two apart.
    exchange.Respond(response.head, {});
    co_return CodeOf(nullptr, response.head.headers);
  }
  exchange.Start(response.head);
  if (poll == http::Body::Poll::kChunk) exchange.Write(chunk);
  while (true) {
    if (exchange.congested()) {
      if (auto drained = co_await exchange.Drain(context); !drained) {
        exchange.Abort();
        co_return grpc::CodeOfKind(drained.error().kind);
      }
    }
    auto next = co_await http::NextChunk(body, context);
    if (!next) {
      if (request.exceeded()) co_return End(exchange, TooLarge(request.error()));
      if (body.exceeded()) co_return End(exchange, TooLarge(body.error()));
      if (next.error().kind == base::Kind::kCanceled) {
        exchange.Abort();
        co_return grpc::Code::kCancelled;
      }
      if (next.error().kind == base::Kind::kTimeout) {
        co_return End(exchange, {grpc::Code::kDeadlineExceeded, "context deadline exceeded", {}});
      }
      co_return End(exchange, PeerFailure(next.error()));
    }
    if (!*next) break;
    exchange.Write(**next);
  }
  const grpc::Code code = CodeOf(body.trailers(), response.head.headers);
  exchange.Finish(body.trailers());
  co_return code;
}

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

}  // namespace

async::Task<grpc::Code> GrpcProxy::ToCallee(http::Exchange& exchange, const contracts::Call& call,
                                            std::shared_ptr<Callee> callee, const CallNames* names,
                                            const CallerIdentity& caller) {
  CheckedBody body(exchange.body(), block_.options().max_message);
  auto answer =
      co_await callee->Proxy(call, NextHead(exchange.request(), call, names), &body, caller);
  if (!answer) {
    if (body.exceeded()) co_return End(exchange, TooLarge(body.error()));
    co_return End(exchange, answer.error());
  }
  co_return co_await PassBack(exchange, call, answer->response, body);
}

async::Task<base::Result<http::Response>> GrpcProxy::SendToPeer(const contracts::Call& call,
                                                                AppName app,
                                                                const http::RequestHead& head,
                                                                http::Body& body) {
  const InvokeServices& services = block_.services();
  for (int tries = 0;; ++tries) {
    const auto peers = co_await services.peers->Find(call, app.app_id, app.app_namespace);
    if (!peers) {
      co_return std::unexpected(grpc::ToError({grpc::Code::kUnknown, peers.error().message, {}}));
    }
    base::Result<http::Response> answer;
    for (std::size_t i = 0; i < peers->size(); ++i) {
      const Peer& peer = (*peers)[i];
      http::Origin origin;
      origin.address = peer.address;
      origin.protocol = http::Protocol::kHttp2;
      if (services.security) {
        const base::Status secured =
            services.security->Secure(origin, app.app_id, app.app_namespace);
        if (!secured) co_return std::unexpected(secured.error());
      }
      http::RequestHead one = head;
      one.authority = peer.authority;
      one.scheme = origin.secure() ? "https" : "http";
      answer = co_await services.clients.Here().Send(call, origin, std::move(one), &body);
      // Only where nothing was sent may the call be made again: messages are not kept.
      if (answer || answer.error().kind != base::Kind::kUnreachable) break;
    }
    if (answer) co_return answer;
    services.peers->Drop(app.app_id, app.app_namespace);
    if (answer.error().kind == base::Kind::kUnreachable && tries == 0) continue;
    co_return std::unexpected(PeerFailure(answer.error()));
  }
}

async::Task<grpc::Code> GrpcProxy::ToPeer(http::Exchange& exchange, const contracts::Call& call,
                                          AppName app) {
  const InvokeOptions& options = block_.options();
  const CallNames names{options.app_id, options.app_namespace, app.app_id};
  CheckedBody body(exchange.body(), options.max_message);
  auto answer = co_await SendToPeer(call, app, NextHead(exchange.request(), call, &names), body);
  if (answer) co_return co_await PassBack(exchange, call, *answer, body);
  if (body.exceeded()) co_return End(exchange, TooLarge(body.error()));
  co_return End(exchange, answer.error());
}

async::Task<grpc::Code> GrpcProxy::ToOther(http::Exchange& exchange, const contracts::Call& call,
                                           AppName app, std::shared_ptr<Callee> callee) {
  if (!callee) return ToPeer(exchange, call, app);
  return ToInstance(exchange, call, std::move(callee));
}

async::Task<grpc::Code> GrpcProxy::ToInstance(http::Exchange& exchange, const contracts::Call& call,
                                              std::shared_ptr<Callee> callee) {
  const InvokeOptions& options = block_.options();
  const CallNames names{options.app_id, options.app_namespace, callee->app_id()};
  co_return co_await ToCallee(exchange, call, callee, &names, block_.Self());
}

async::Task<grpc::Code> GrpcProxy::Under(const resiliency::Policy& policy, http::Exchange& exchange,
                                         const contracts::Call& call, AppName app,
                                         std::shared_ptr<Callee> callee, bool streaming) {
  const InvokeOptions& options = block_.options();
  const CallNames names{options.app_id, options.app_namespace, app.app_id};
  const http::RequestHead head = NextHead(exchange.request(), call, &names);
  // A call whose only message is there can be made again; nothing else is kept.
  std::optional<std::string> kept;
  if (policy.retries() && !streaming) {
    if (const auto whole = exchange.body().Whole()) {
      if (whole->size() <= options.max_message) kept.emplace(*whole);
    }
  }
  resiliency::Execution run(policy, call, app.app_id);
  while (true) {
    if (const base::Status entered = run.Enter(); !entered) {
      co_return End(exchange, {grpc::Code::kUnknown, entered.error().message, {}});
    }
    // A stream may last: the time of an attempt is not for it.
    const contracts::Call& one = streaming ? call : run.attempt();
    auto replay = http::StringBody::View(kept ? std::string_view(*kept) : std::string_view());
    CheckedBody body(kept ? static_cast<http::Body&>(replay) : exchange.body(),
                     options.max_message);
    base::Result<http::Response> answer;
    std::shared_ptr<void> lease;
    if (callee) {
      auto local = co_await callee->Proxy(one, head, &body, block_.Self());
      if (local) {
        answer = std::move(local->response);
        lease = std::move(local->lease);
      } else {
        answer = std::unexpected(std::move(local).error());
      }
    } else {
      answer = co_await SendToPeer(one, app, head, body);
    }
    resiliency::Outcome outcome;
    grpc::Status status;
    if (!answer) {
      const base::Error& error = answer.error();
      outcome = {.ok = false,
                 .code = error.remote() ? error.remote()->code
                                        : static_cast<int>(grpc::CodeOfKind(error.kind)),
                 .timed_out = error.kind == base::Kind::kTimeout,
                 .ended = error.kind == base::Kind::kCanceled};
      const bool nothing_sent = error.kind == base::Kind::kUnreachable;
      outcome.final = body.exceeded() || (!kept && !nothing_sent) ||
                      outcome.code == static_cast<int>(grpc::Code::kPermissionDenied);
    } else if (grpc::ParseStatus(answer->head.headers, status) && !status.ok()) {
      outcome = {.ok = false, .code = static_cast<int>(status.code)};
      outcome.final = !kept;
    } else if (!streaming) {
      const grpc::Code code = co_await PassBack(exchange, one, *answer, body);
      run.Judge({.ok = code == grpc::Code::kOk,
                 .code = static_cast<int>(code),
                 .timed_out = code == grpc::Code::kDeadlineExceeded,
                 .ended = code == grpc::Code::kCancelled,
                 .final = true});
      co_return code;
    }
    if (const auto wait = run.Judge(outcome)) {
      answer = std::unexpected(base::Error(base::Kind::kCanceled, "context canceled"));
      lease.reset();
      if (co_await run.Wait(*wait)) continue;
      co_return End(exchange, {grpc::Code::kCancelled, "context canceled", {}});
    }
    if (answer) co_return co_await PassBack(exchange, call, *answer, body);
    if (body.exceeded()) co_return End(exchange, TooLarge(body.error()));
    co_return End(exchange, answer.error());
  }
}

async::Task<void> GrpcProxy::Handle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  exchange.Keep(nullptr);  // a call may last for long and uses no component
  const InvokeServices& services = block_.services();
  const InvokeOptions& options = block_.options();
  const grpc::ServerCall server(exchange, async::Loop::Current()->now());
  contracts::Call call(server.context());
  call.app_id = options.app_id;
  const auto parent = TraceOf(request.headers);
  telemetry::TraceContext span;
  if (tracer_ && tracer_->enabled()) {
    span = parent ? tracer_->StartSpan(*parent) : tracer_->StartSpan();
    call.trace = &span;
  } else if (parent) {
    call.trace = &*parent;
  }

  if (side_ == Side::kInternal) {
    const CallerIdentity caller{
        std::string(request.headers.Get("dapr-caller-app-id").value_or("")),
        std::string(request.headers.Get("dapr-caller-namespace").value_or("")),
        std::string(exchange.peer_identity())};
    co_await ToCallee(exchange, call, services.self, nullptr, caller);
    co_return;
  }

  auto id = request.headers.Get("dapr-callee-app-id");
  if (!id || id->empty()) id = request.headers.Get("dapr-app-id");
  if (!id || id->empty()) {
    End(exchange, {grpc::Code::kUnknown, std::string(kNoTarget), {}});
    co_return;
  }
  const std::string target(*id);
  const auto app = ParseAppName(target, options.app_namespace);
  if (!app) {
    End(exchange, {grpc::Code::kUnknown, app.error().message, {}});
    co_return;
  }
  if (app->app_id == options.app_id && app->app_namespace == options.app_namespace) {
    // Nobody on this port has shown who they are, so only the default for all applies to them.
    const CallerIdentity unproven{options.app_id, options.app_namespace, {}};
    co_await ToCallee(exchange, call, services.self, nullptr, unproven);
    co_return;
  }
  const bool streaming =
      base::ParseBoolTruthy(request.headers.Get("dapr-stream").value_or(std::string_view()));
  const std::string_view type = streaming ? "streaming" : "unary";
  const async::TimePoint start = async::Clock::now();
  if (services.metrics) services.metrics->ServiceInvocationRequestSent(app->app_id, type);
  grpc::Code code = grpc::Code::kUnknown;
  std::shared_ptr<Callee> callee;
  if (services.local_apps) callee = services.local_apps->Find(app->app_id, app->app_namespace);
  // Policies are found by this field alone, and only calls of other apps have any.
  const auto named = request.headers.Get("dapr-app-id");
  const auto policies = named ? block_.CurrentPolicies() : nullptr;
  const resiliency::Policy* policy = policies ? PolicyFor(*policies, *named) : nullptr;
  code = policy ? co_await Under(*policy, exchange, call, *app, std::move(callee), streaming)
                : co_await ToOther(exchange, call, *app, std::move(callee));
  if (services.metrics) {
    services.metrics->ServiceInvocationResponseReceived(app->app_id, static_cast<int>(code), type,
                                                        MillisSince(start));
  }
}

}  // namespace blocks::invoke
