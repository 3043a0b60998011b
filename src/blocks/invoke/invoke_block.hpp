// InvokeBlock: the side of service invocation that asks. One per Instance; the HTTP and the gRPC
// API call it. Finds out what a target is, calls it and gives the answer the form the caller's
// protocol needs.
//
//   own app            -> its target
//   app of this process-> that Instance's Callee
//   http(s)://, HTTPEndpoint -> HTTP to that host
//   any other app-id   -> name resolution -> CallLocalStream at the peer's internal port
//
// Safe on all loops.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop_group.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/invoke/access.hpp"
#include "blocks/invoke/callee.hpp"
#include "blocks/invoke/endpoint_call.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/peer_directory.hpp"
#include "blocks/invoke/types.hpp"
#include "http/client_set.hpp"
#include "resiliency/policies.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace blocks::invoke {

struct InvokeOptions {
  std::string app_id;
  std::string app_namespace;
  std::string trust_domain = "public";  // of our identity inside the process, without mTLS
  std::string host_address;             // the address peers know this runtime by
  std::string host_name;
  std::size_t max_message = 4 * 1024 * 1024;
  // DaprBuiltInServiceRetries
  int retries = 3;
  std::chrono::milliseconds retry_wait{1'000};
};

struct InvokeServices {
  async::LoopGroup& loops;
  http::ClientSet& clients;
  std::shared_ptr<PeerDirectory> peers;
  AddressLookup lookup;  // for URLs and HTTPEndpoints
  std::shared_ptr<Callee> self;
  const LocalApps* local_apps = nullptr;   // may be null
  const PeerSecurity* security = nullptr;  // null: plaintext
  telemetry::InstanceMetrics* metrics = nullptr;
};

/// What a target names.
struct AppName {
  std::string_view app_id;
  std::string_view app_namespace;
};
/// "app" or "app.namespace"; kInvalidArgument "invalid app id …" otherwise.
base::Result<AppName> ParseAppName(std::string_view target, std::string_view own_namespace);

class InvokeBlock {
 public:
  InvokeBlock(InvokeOptions options, InvokeServices services);
  InvokeBlock(const InvokeBlock&) = delete;
  InvokeBlock& operator=(const InvokeBlock&) = delete;

  /// Takes over a new set of HTTPEndpoints. Any thread.
  void SetEndpoints(std::vector<HttpEndpoint> endpoints);

  /// From now on calls are made under these policies; null: under the built-in retries alone. Any
  /// thread.
  void SetPolicies(std::shared_ptr<const resiliency::Policies> policies);
  /// Null where there are none.
  std::shared_ptr<const resiliency::Policies> CurrentPolicies() const;

  /// Calls the target. For an HTTP caller the response is complete as it stands: status, headers
  /// (Content-Type among them) and body, also of gRPC apps. For a gRPC caller (`grpc_origin`)
  /// headers are gRPC metadata, and `grpc_code`/`status` say how the app ended. Drop the response
  /// before the request body. Errors have id kDirectInvoke or kDirectInvokeDenied and the API's
  /// whole text. `call` stays until this returns; `interim` is told of 1xx answers where the app is
  /// called without another runtime between.
  async::Task<base::Result<InvokeResponse>> Invoke(const contracts::Call& call,
                                                   InvokeRequest request,
                                                   http::InterimObserver* interim = nullptr);

  /// Who we are for other Instances of the process. They need no proof: with mTLS the id of our
  /// certificate, else what that would be.
  CallerIdentity Self() const;

  const InvokeOptions& options() const { return options_; }
  const InvokeServices& services() const { return services_; }

 private:
  using Endpoints = std::map<std::string, HttpEndpoint, std::less<>>;

  std::shared_ptr<const Endpoints> CurrentEndpoints() const;
  bool IsOwn(std::string_view target) const;
  async::Task<base::Result<InvokeResponse>> InvokeOnce(const contracts::Call& call,
                                                       InvokeRequest request,
                                                       http::InterimObserver* interim);
  async::Task<base::Result<InvokeResponse>> InvokeUnder(
      std::shared_ptr<const resiliency::Policies> policies, const resiliency::Policy& policy,
      const contracts::Call& call, InvokeRequest request, http::InterimObserver* interim);
  async::Task<base::Result<InvokeResponse>> InvokeOwn(const contracts::Call& call,
                                                      InvokeRequest request,
                                                      http::InterimObserver* interim);
  async::Task<base::Result<InvokeResponse>> InvokeOther(const contracts::Call& call,
                                                        InvokeRequest request,
                                                        http::InterimObserver* interim);
  async::Task<base::Result<InvokeResponse>> InvokeHere(const contracts::Call& call,
                                                       InvokeRequest request,
                                                       std::shared_ptr<Callee> callee,
                                                       http::InterimObserver* interim);
  async::Task<base::Result<InvokeResponse>> InvokePeer(const contracts::Call& call,
                                                       InvokeRequest request, AppName app);

  const InvokeOptions options_;
  const InvokeServices services_;
  const std::string own_full_name_;  // "app.namespace"
  EndpointCaller endpoint_caller_;
  mutable std::mutex endpoints_mutex_;  // taken only while there are HTTPEndpoints
  std::shared_ptr<const Endpoints> endpoints_;
  std::atomic<bool> has_endpoints_{false};
  mutable std::mutex policies_mutex_;  // taken only while there are policies
  std::shared_ptr<const resiliency::Policies> policies_;
  std::atomic<bool> has_policies_{false};
};

/// The policy for calls of a target as the caller wrote it: that of the whole text, else of the
/// app-id in it; null if there is none.
const resiliency::Policy* PolicyFor(const resiliency::Policies& policies, std::string_view target);

/// Fields that the caller's runtime adds: its names, in front of what the caller sent, and how the
/// request came.
void AddForwarded(const InvokeOptions& options, http::Headers& headers);
http::Headers WithNames(const http::Headers& headers, const CallNames& names, bool grpc_origin);

}  // namespace blocks::invoke
