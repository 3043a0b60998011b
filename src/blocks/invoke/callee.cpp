#include "blocks/invoke/callee.hpp"

#include "base/strings.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/method_name.hpp"
#include "grpc/status.hpp"

namespace blocks::invoke {
namespace {

std::unexpected<base::Error> Refuse(grpc::Code code, std::string message) {
  return std::unexpected(grpc::ToError({code, std::move(message), {}}));
}

// What another runtime is told about a call that did not get an answer of the app.
std::unexpected<base::Error> AppFailure(const base::Error& error) {
  switch (error.kind) {
    case base::Kind::kTimeout:
      return Refuse(grpc::Code::kDeadlineExceeded, "context deadline exceeded");
    case base::Kind::kCanceled:
      return Refuse(grpc::Code::kCancelled, "context canceled");
    case base::Kind::kInvalidArgument:
      return Refuse(grpc::Code::kInternal,
                    base::StrCat("error invoking app channel: rpc error: code = InvalidArgument "
                                 "desc = ",
                                 error.message));
    default:
      return Refuse(grpc::Code::kInternal,
                    base::StrCat("error invoking app channel: ", error.message));
  }
}

base::Status Judge(const AccessPolicy& policy, const CallerIdentity& caller,
                   const InvokeRequest& request, const MethodName& method, bool grpc_app) {
  // Dapr takes the verb from HTTP apps' calls alone, and not when they have no metadata at all.
  const bool has_verb = !grpc_app && !request.verb.empty() && !request.headers.empty();
  return policy.Check(caller, {method.matched, method.shown,
                               has_verb ? std::string_view(request.verb) : "NONE", grpc_app});
}

}  // namespace

void Callee::SetPolicy(std::shared_ptr<const AccessPolicy> policy) {
  std::lock_guard lock(policy_mutex_);
  has_policy_ = policy != nullptr;
  policy_ = std::move(policy);
}

std::shared_ptr<const AccessPolicy> Callee::CurrentPolicy() const {
  if (!has_policy_.load(std::memory_order_relaxed)) return nullptr;
  std::lock_guard lock(policy_mutex_);
  return policy_;
}

async::Task<base::Result<InvokeResponse>> Callee::Call(const contracts::Call& call,
                                                       const InvokeRequest& request,
                                                       const CallerIdentity& caller,
                                                       http::InterimObserver* interim) {
  const std::string_view source =
      caller.app_id.empty() ? std::string_view("unknown") : std::string_view(caller.app_id);
  if (options_.metrics) options_.metrics->ServiceInvocationRequestReceived(source);
  const auto sent = [&](int status) {
    if (options_.metrics) options_.metrics->ServiceInvocationResponseSent(source, status);
  };
  if (!options_.target->configured()) {
    sent(0);
    co_return Refuse(grpc::Code::kInternal, "app channel is not initialized");
  }
  std::unique_ptr<InvokeRequest> rewritten;
  if (const auto policy = CurrentPolicy()) {
    const bool grpc_app = contracts::IsGrpc(options_.target->protocol());
    auto method = NormalizeMethod(request.method, !grpc_app);
    const base::Status allowed = method ? Judge(*policy, caller, request, *method, grpc_app)
                                        : base::Status(std::unexpected(method.error()));
    if (!allowed) {
      sent(0);
      co_return Refuse(grpc::CodeOfKind(allowed.error().kind), allowed.error().message);
    }
    if (method->rewritten) {
      rewritten = std::make_unique<InvokeRequest>(request);
      rewritten->method = std::move(*method->rewritten);
    }
  }
  contracts::Call inner(call);
  inner.app_id = options_.app_id;
  telemetry::TraceContext span;
  if (options_.tracer && options_.tracer->enabled()) {
    span = call.trace ? options_.tracer->StartSpan(*call.trace) : options_.tracer->StartSpan();
    inner.trace = &span;
  }
  auto response = co_await app_.Call(inner, rewritten ? *rewritten : request, interim);
  if (!response) {
    sent(0);
    co_return AppFailure(response.error());
  }
  sent(response->grpc_code >= 0 ? response->grpc_code : response->status);
  co_return std::move(*response);
}

async::Task<base::Result<contracts::AppResponse>> Callee::Proxy(const contracts::Call& call,
                                                                http::RequestHead head,
                                                                http::Body* body,
                                                                const CallerIdentity& caller) {
  if (!options_.target->configured()) {
    co_return Refuse(grpc::Code::kInternal, "app channel is not initialized");
  }
  const contracts::AppProtocol protocol = options_.target->protocol();
  if (!contracts::IsGrpc(protocol) && protocol != contracts::AppProtocol::kH2c) {
    co_return Refuse(
        grpc::Code::kInternal,
        "cannot proxy request: the app does not speak gRPC; set --app-protocol to grpc");
  }
  if (const auto policy = CurrentPolicy()) {
    auto method = NormalizeMethod(head.target, !contracts::IsGrpc(protocol));
    if (!method) co_return Refuse(grpc::Code::kInvalidArgument, method.error().message);
    // A policy follows the app's protocol: for an h2c app it is about paths and verbs, and gRPC is
    // always POST.
    const bool grpc = contracts::IsGrpc(protocol);
    const base::Status allowed =
        policy->Check(caller, {method->matched, method->shown, grpc ? "NONE" : "POST", grpc});
    if (!allowed) co_return Refuse(grpc::CodeOfKind(allowed.error().kind), allowed.error().message);
    if (method->rewritten)
      head.target =
          base::StrCat("/", method->rewritten->substr(method->rewritten->starts_with('/')));
  }
  auto response = co_await options_.target->Send(call, std::move(head), body);
  if (response) co_return std::move(*response);
  const base::Error& error = response.error();
  if (error.remote()) co_return std::unexpected(error);
  switch (error.kind) {
    case base::Kind::kTimeout:
      co_return Refuse(grpc::Code::kDeadlineExceeded, "context deadline exceeded");
    case base::Kind::kCanceled:
      co_return Refuse(grpc::Code::kCancelled, "context canceled");
    default:
      co_return Refuse(grpc::CodeOfKind(error.kind), error.message);
  }
}

}  // namespace blocks::invoke
