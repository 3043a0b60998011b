// AppDelivery: one attempt to bring an event, or a batch of them, to the app over HTTP or gRPC.
// Neither waits for an app that is away nor tries again: that is the subscriber's business. One an
// Instance; immutable; any loop.
#pragma once

#include <cstddef>
#include <span>

#include "async/task.hpp"
#include "blocks/pubsub/delivery_message.hpp"
#include "blocks/pubsub/delivery_result.hpp"
#include "blocks/pubsub/router.hpp"
#include "contracts/app_target.hpp"
#include "contracts/call.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/trace.hpp"

namespace blocks::pubsub {

class AppDelivery {
 public:
  struct Options {
    contracts::AppTarget* target = nullptr;
    telemetry::InstanceMetrics* metrics = nullptr;  // may be null
    const telemetry::Tracer* tracer = nullptr;      // may be null
  };
  explicit AppDelivery(const Options& options) : options_(options) {}

  /// `event`, `pubsub` and `topic` must live until the task has ended. `route` is null for gRPC
  /// apps without a route.
  async::Task<DeliveryResult> Deliver(const contracts::Call& call, const IncomingEvent& event,
                                      std::string_view pubsub, std::string_view topic,
                                      const Router::Route& route) const;
  async::Task<BulkResult> DeliverBulk(const contracts::Call& call,
                                      std::span<const IncomingEvent* const> events,
                                      std::string_view pubsub, std::string_view topic,
                                      const Router::Route& route) const;

  bool grpc() const { return contracts::IsGrpc(options_.target->protocol()); }

  /// Asks the app something harmless, to see whether it answers at all. kSuccess: it does. kFailed:
  /// nothing came in time, so nobody knows. Otherwise it is not there, or the call has ended.
  async::Task<DeliveryResult> AskWhetherThere(const contracts::Call& call) const;

 private:
  struct HttpReply {
    int status = 0;
    std::string body;
  };
  async::Task<base::Result<HttpReply>> Post(const contracts::Call& call, http::RequestHead head,
                                            std::string_view body, std::string_view path) const;
  void AddTrace(const IncomingEvent& event, bool with_state, http::Headers& headers) const;
  DeliveryResult FailureOf(const base::Error& error) const;
  DeliveryResult AwayBy(std::string_view what) const;

  const Options options_;
};

}  // namespace blocks::pubsub
