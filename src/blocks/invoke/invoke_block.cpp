#include "blocks/invoke/invoke_block.hpp"

#include "async/wait.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/access_control.hpp"
#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/peer_call.hpp"
#include "blocks/invoke/status_map.hpp"
#include "grpc/status.hpp"

namespace blocks::invoke {
namespace {

// Bodies up to this size are held so that a call can be repeated.
constexpr std::size_t kReplayLimit = 64 * 1024;

std::unexpected<base::Error> Refuse(std::string_view target, const base::Error& error) {
  const base::RemoteStatus* remote = error.remote();
  const bool denied = remote && remote->code == static_cast<int>(grpc::Code::kPermissionDenied);
  return base::Fail(error.kind,
                    denied ? base::ErrorId::kDirectInvokeDenied : base::ErrorId::kDirectInvoke,
                    base::StrCat("failed to invoke, id: ", target, ", err: ", error.message));
}

// The text for a call of our own app that failed without an answer.
base::Error OwnFailure(base::Error error) {
  if (error.kind == base::Kind::kTimeout) error.message = "context deadline exceeded";
  if (error.kind == base::Kind::kCanceled) error.message = "context canceled";
  return error;
}

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

// Gives an answer the form its caller's protocol needs. `from_peer`: the headers came as metadata.
void Finish(bool grpc_caller, bool from_peer, InvokeResponse& response) {
  if (grpc_caller) {
    http::Headers headers;
    headers.Reserve(response.headers.size(), response.headers.bytes() + 64);
    CopyToGrpc(response.headers, response.grpc_code >= 0, headers);
    response.headers = std::move(headers);
    return;
  }
  const bool grpc_app = response.grpc_code >= 0;
  if (!grpc_app && !from_peer) return;  // HTTP on both sides: as the app gave it
  http::Headers headers;
  headers.Reserve(response.headers.size() + 1, response.headers.bytes() + 64);
  CopyToHttp(response.headers, Direction::kResponse, !grpc_app && response.content_type.empty(),
             headers);
  if (grpc_app) {
    response.status = HttpStatusOfCode(response.grpc_code);
    if (response.grpc_code != 0) {
      response.content_type = "text/plain; charset=utf-8";
      response.body = std::make_unique<BufferBody>(
          StatusJson(response.grpc_code, response.grpc_message, response.grpc_details));
      response.lease.reset();
      headers.Remove("content-length");
    }
  }
  if (!response.content_type.empty()) headers.Add("Content-Type", response.content_type);
  response.headers = std::move(headers);
}

// Takes what has arrived out of a body that was used as a whole, so that its connection is done
// with it.
class Discarded {
 public:
  explicit Discarded(http::Body* body) : body_(body) {}
  ~Discarded() {
    std::string_view chunk;
    while (body_ && body_->TryRead(chunk) == http::Body::Poll::kChunk) {
    }
  }
  Discarded(const Discarded&) = delete;
  Discarded& operator=(const Discarded&) = delete;

 private:
  http::Body* body_;
};

// The callee and what its response holds live as long as the response.
struct SharedLease {
  std::shared_ptr<Callee> callee;
  std::shared_ptr<void> inner;
  ~SharedLease() { inner.reset(); }
};

}  // namespace

InvokeBlock::InvokeBlock(InvokeOptions options, InvokeServices services)
    : options_(std::move(options)),
      services_(std::move(services)),
      own_full_name_(base::StrCat(options_.app_id, ".", options_.app_namespace)),
      endpoint_caller_(services_.lookup) {}

void InvokeBlock::SetEndpoints(std::vector<HttpEndpoint> endpoints) {
  auto map = std::make_shared<Endpoints>();
  for (HttpEndpoint& endpoint : endpoints) {
    std::string name = endpoint.name;
    map->insert_or_assign(std::move(name), std::move(endpoint));
  }
  std::lock_guard lock(endpoints_mutex_);
  has_endpoints_ = !map->empty();
  endpoints_ = std::move(map);
}

std::shared_ptr<const InvokeBlock::Endpoints> InvokeBlock::CurrentEndpoints() const {
  std::lock_guard lock(endpoints_mutex_);
  return endpoints_;
}

bool InvokeBlock::IsOwn(std::string_view target) const {
  return target == options_.app_id || target == own_full_name_;
}

CallerIdentity InvokeBlock::Self() const {
  CallerIdentity self{options_.app_id, options_.app_namespace, {}};
  if (services_.security) self.spiffe_id = services_.security->own_id();
  if (self.spiffe_id.empty()) {
    self.spiffe_id =
        FormatSpiffeId({options_.trust_domain, options_.app_namespace, options_.app_id});
  }
  return self;
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::Invoke(const contracts::Call& call,
                                                              InvokeRequest request,
                                                              http::InterimObserver* interim) {
  if (auto policies = CurrentPolicies()) {
    if (const resiliency::Policy* policy = PolicyFor(*policies, request.target)) {
      return InvokeUnder(std::move(policies), *policy, call, std::move(request), interim);
    }
  }
  return InvokeOnce(call, std::move(request), interim);
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokeOnce(const contracts::Call& call,
                                                                  InvokeRequest request,
                                                                  http::InterimObserver* interim) {
  if (IsOwn(request.target) && !has_endpoints_.load(std::memory_order_relaxed)) {
    return InvokeOwn(call, std::move(request), interim);
  }
  return InvokeOther(call, std::move(request), interim);
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokeOwn(const contracts::Call& call,
                                                                 InvokeRequest request,
                                                                 http::InterimObserver* interim) {
  const AppCaller& app = services_.self->app();
  if (!app.target().configured()) {
    co_return Refuse(request.target,
                     base::Error(base::Kind::kInternal,
                                 "cannot invoke local endpoint: app channel not initialized"));
  }
  auto response = co_await app.Call(call, request, interim);
  if (!response) {
    co_return Refuse(request.target, OwnFailure(std::move(response).error()));
  }
  Finish(request.grpc_origin, false, *response);
  co_return response;
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokeOther(const contracts::Call& call,
                                                                   InvokeRequest request,
                                                                   http::InterimObserver* interim) {
  if (has_endpoints_.load(std::memory_order_relaxed)) {
    const auto endpoints = CurrentEndpoints();
    const auto found = endpoints->find(request.target);
    if (found != endpoints->end()) {
      auto response = co_await endpoint_caller_.Call(call, services_.clients.Here(), found->second,
                                                     request, interim);
      if (!response) co_return Refuse(request.target, OwnFailure(std::move(response).error()));
      Finish(request.grpc_origin, false, *response);
      co_return response;
    }
    if (IsOwn(request.target)) co_return co_await InvokeOwn(call, std::move(request), interim);
  }
  if (request.target.starts_with("http://") || request.target.starts_with("https://")) {
    HttpEndpoint endpoint;
    endpoint.base_url = request.target;
    auto response =
        co_await endpoint_caller_.Call(call, services_.clients.Here(), endpoint, request, interim);
    if (!response) co_return Refuse(request.target, OwnFailure(std::move(response).error()));
    Finish(request.grpc_origin, false, *response);
    co_return response;
  }
  const auto app = ParseAppName(request.target, options_.app_namespace);
  if (!app) co_return Refuse(request.target, app.error());
  if (services_.local_apps) {
    if (auto callee = services_.local_apps->Find(app->app_id, app->app_namespace)) {
      co_return co_await InvokeHere(call, std::move(request), std::move(callee), interim);
    }
  }
  // The names are views of the target, which moves with the request.
  const std::string app_id(app->app_id);
  const std::string app_namespace(app->app_namespace);
  co_return co_await InvokePeer(call, std::move(request), {app_id, app_namespace});
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokeHere(const contracts::Call& call,
                                                                  InvokeRequest request,
                                                                  std::shared_ptr<Callee> callee,
                                                                  http::InterimObserver* interim) {
  const CallNames names{options_.app_id, options_.app_namespace, callee->app_id()};
  AddForwarded(options_, request.headers);
  request.headers = WithNames(request.headers, names, request.grpc_origin);
  const CallerIdentity identity = Self();
  const async::TimePoint start = async::Clock::now();
  if (services_.metrics) {
    services_.metrics->ServiceInvocationRequestSent(names.callee_app_id, "unary");
  }
  auto response = co_await callee->Call(call, request, identity, interim);
  if (services_.metrics) {
    const int status = !response                  ? 0
                       : response->grpc_code >= 0 ? response->grpc_code
                                                  : response->status;
    services_.metrics->ServiceInvocationResponseReceived(names.callee_app_id, status, "unary",
                                                         MillisSince(start));
  }
  if (!response) co_return Refuse(request.target, response.error());
  response->lease =
      std::make_shared<SharedLease>(std::move(callee), std::exchange(response->lease, nullptr));
  Finish(request.grpc_origin, false, *response);
  co_return response;
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokePeer(const contracts::Call& call,
                                                                  InvokeRequest request,
                                                                  AppName app) {
  AddForwarded(options_, request.headers);
  PeerCallOptions attempt;
  attempt.names = {options_.app_id, options_.app_namespace, app.app_id};
  attempt.max_message = options_.max_message;
  attempt.client = &services_.clients.Here();
  std::string held;
  if (!request.body) {
    attempt.whole_body = std::string_view();
  } else if (const auto whole = request.body->Whole()) {
    if (whole->size() <= kReplayLimit) attempt.whole_body = *whole;
  } else if (const auto length = request.body->length(); length && *length <= kReplayLimit) {
    auto read = co_await http::ReadAll(*request.body, call, kReplayLimit);
    if (!read) co_return Refuse(request.target, OwnFailure(std::move(read).error()));
    held = std::move(*read);
    attempt.whole_body = held;
  }
  const Discarded discarded(attempt.whole_body ? request.body : nullptr);
  resiliency::RetryPolicy built_in{
      .duration = options_.retry_wait,
      .max_retries = options_.retries,
  };
  const auto policies = CurrentPolicies();
  // An app that a resource names has the policies of that resource and no others.
  const bool named = policies && policies->NamesApp(app.app_id);
  if (policies) {
    if (const auto* redefined = policies->Redefined(resiliency::kServiceRetries)) {
      built_in = *redefined;
    }
  }
  resiliency::Backoff backoff(built_in, async::Loop::Current()->now());
  while (true) {
    const auto peers = co_await services_.peers->Find(call, app.app_id, app.app_namespace);
    if (!peers) co_return Refuse(request.target, peers.error());
    const async::TimePoint start = async::Clock::now();
    if (services_.metrics) services_.metrics->ServiceInvocationRequestSent(app.app_id, "unary");
    base::Result<InvokeResponse> response;
    for (std::size_t i = 0; i < peers->size(); ++i) {
      const Peer& peer = (*peers)[i];
      attempt.origin = {};
      attempt.origin.address = peer.address;
      attempt.origin.protocol = http::Protocol::kHttp2;
      attempt.authority = peer.authority;
      if (services_.security) {
        const base::Status secured =
            services_.security->Secure(attempt.origin, app.app_id, app.app_namespace);
        if (!secured) co_return Refuse(request.target, secured.error());
      }
      response = co_await CallPeer(call, request, attempt);
      // Nothing was sent: another address may do.
      if (response || response.error().kind != base::Kind::kUnreachable) break;
    }
    if (services_.metrics) {
      const int status = !response                  ? 0
                         : response->grpc_code >= 0 ? response->grpc_code
                                                    : response->status;
      services_.metrics->ServiceInvocationResponseReceived(app.app_id, status, "unary",
                                                           MillisSince(start));
    }
    if (response) {
      Finish(request.grpc_origin, true, *response);
      co_return response;
    }
    base::Error error = std::move(response).error();
    const int code = error.remote() ? error.remote()->code : 2;
    if (code != static_cast<int>(grpc::Code::kUnavailable) &&
        code != static_cast<int>(grpc::Code::kUnauthenticated)) {
      co_return Refuse(request.target, error);
    }
    services_.peers->Drop(app.app_id, app.app_namespace);
    if (!attempt.whole_body || named) co_return Refuse(request.target, error);
    const auto wait = backoff.Next(async::Loop::Current()->now(), base::FastRandomUnit());
    if (!wait) {
      error.message = base::StrCat("failed to invoke target ", app.app_id, " after ",
                                   backoff.retries(), " retries. Error: ", error.message);
      co_return Refuse(request.target, error);
    }
    const async::Wake wake = co_await async::Sleep(call, async::Loop::Current()->After(*wait));
    if (wake != async::Wake::kReady) {
      error.message =
          wake == async::Wake::kTimeout ? "context deadline exceeded" : "context canceled";
      error.kind = wake == async::Wake::kTimeout ? base::Kind::kTimeout : base::Kind::kCanceled;
      co_return Refuse(request.target, error);
    }
  }
}

}  // namespace blocks::invoke
