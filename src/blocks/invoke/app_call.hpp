// One invocation of the user's app: an HTTP request that streams both ways, or OnInvoke for a gRPC
// app. The last step of every invocation, whichever way it came. Safe on all loops.
#pragma once

#include <cstddef>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/invoke/types.hpp"
#include "contracts/app_target.hpp"
#include "contracts/call.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace blocks::invoke {

class AppCaller {
 public:
  /// `metrics` may be null; both outlive this object. `max_message` bounds bodies for and of gRPC
  /// apps, in bytes.
  AppCaller(contracts::AppTarget& target, telemetry::InstanceMetrics* metrics,
            std::size_t max_message)
      : target_(target), metrics_(metrics), max_message_(max_message) {}

  contracts::AppTarget& target() const { return target_; }

  /// Calls the app. `request` must stay where it is until the call returns; its body until the
  /// response is dropped. Response headers are the app's without those of one hop.
  /// kInvalidArgument: the method or verb cannot be sent; else the errors of AppTarget::Send.
  async::Task<base::Result<InvokeResponse>> Call(const contracts::Call& call,
                                                 const InvokeRequest& request,
                                                 http::InterimObserver* interim) const {
    return contracts::IsGrpc(target_.protocol()) ? CallGrpc(call, request)
                                                 : CallHttp(call, request, interim);
  }

 private:
  async::Task<base::Result<InvokeResponse>> CallHttp(const contracts::Call& call,
                                                     const InvokeRequest& request,
                                                     http::InterimObserver* interim) const;
  async::Task<base::Result<InvokeResponse>> CallGrpc(const contracts::Call& call,
                                                     const InvokeRequest& request) const;

  contracts::AppTarget& target_;
  telemetry::InstanceMetrics* const metrics_;
  const std::size_t max_message_;
};

/// The head of the request an HTTP app gets, without authority. kInvalidArgument as Call.
base::Result<http::RequestHead> AppRequestHead(const contracts::Call& call,
                                               const InvokeRequest& request);

/// The body to send with `verb`: null where there is none and none is expected.
http::Body* BodyToSend(std::string_view verb, http::Body* body);

}  // namespace blocks::invoke
