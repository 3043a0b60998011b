// Callee: the side of invocation that answers. One per Instance; whoever may call the Instance's
// app does it through here: other runtimes, and other Instances of this process.
//
// Access rules, metrics of the callee's side and the span of the call belong to it. Safe on all
// loops.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/invoke/access.hpp"
#include "blocks/invoke/app_call.hpp"
#include "blocks/invoke/types.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/trace.hpp"

namespace blocks::invoke {

struct CalleeOptions {
  std::string app_id;
  std::string app_namespace;
  std::size_t max_message = 4 * 1024 * 1024;
  std::shared_ptr<const AccessPolicy> policy;  // null: everything is allowed
  // Not owned; outlive the Callee and every response of it. Null where there is none.
  contracts::AppTarget* target = nullptr;  // never null
  telemetry::InstanceMetrics* metrics = nullptr;
  const telemetry::Tracer* tracer = nullptr;
};

class Callee {
 public:
  explicit Callee(CalleeOptions options)
      : options_(std::move(options)),
        app_(*options_.target, options_.metrics, options_.max_message) {
    SetPolicy(options_.policy);
  }
  Callee(const Callee&) = delete;
  Callee& operator=(const Callee&) = delete;

  const std::string& app_id() const { return options_.app_id; }
  const std::string& app_namespace() const { return options_.app_namespace; }
  std::size_t max_message() const { return options_.max_message; }
  const AppCaller& app() const { return app_; }
  contracts::AppTarget& target() const { return *options_.target; }

  /// From now on callers are judged by `policy`; null lets everyone in. Any thread.
  void SetPolicy(std::shared_ptr<const AccessPolicy> policy);

  /// Serves one invocation. `call.trace` is the caller's span; the app sees a span below it. Every
  /// error is a gRPC status (Error::remote()), as another runtime would get it. `request` stays
  /// where it is until this returns; its body until the response is dropped.
  async::Task<base::Result<InvokeResponse>> Call(const contracts::Call& call,
                                                 const InvokeRequest& request,
                                                 const CallerIdentity& caller,
                                                 http::InterimObserver* interim = nullptr);

  /// Passes a gRPC call on to the app as it is. `head.target` is the full method. Errors as above;
  /// kUnavailable when the app cannot be reached.
  async::Task<base::Result<contracts::AppResponse>> Proxy(const contracts::Call& call,
                                                          http::RequestHead head, http::Body* body,
                                                          const CallerIdentity& caller);

 private:
  std::shared_ptr<const AccessPolicy> CurrentPolicy() const;

  const CalleeOptions options_;
  const AppCaller app_;
  mutable std::mutex policy_mutex_;  // taken only while there is a policy
  std::shared_ptr<const AccessPolicy> policy_;
  std::atomic<bool> has_policy_{false};
};

}  // namespace blocks::invoke
