#include "telemetry/dapr_metrics.hpp"

#include <array>

#include "telemetry/status_label.hpp"

namespace telemetry {

base::Result<std::unique_ptr<InstanceMetrics>> InstanceMetrics::Create(
    Registry& registry, InstanceMetricsOptions options) {
  ASSIGN_OR_RETURN(HttpLabels labels, HttpLabels::Create(options.http));
  ASSIGN_OR_RETURN(auto rules, LabelRules::Create(options.rules));
  std::shared_ptr<AppSeries> series;
  if (options.enabled) {
    series = registry.App({options.app_id, options.latency_buckets,
                           options.rules.empty() ? nullptr : std::move(rules),
                           options.max_series_per_family});
  }
  return std::unique_ptr<InstanceMetrics>(
      new InstanceMetrics(std::move(series), std::move(labels), std::move(options)));
}

InstanceMetrics::InstanceMetrics(std::shared_ptr<AppSeries> series, HttpLabels labels,
                                 InstanceMetricsOptions options)
    : series_(std::move(series)),
      http_labels_(std::move(labels)),
      namespace_(std::move(options.name_space)),
      record_error_codes_(options.record_error_codes),
      cache_(series_ ? series_->loops() : 0) {
  if (series_) {
    waiting_ = &series_->With(family::kSharedWaitingCalls, {});
    inflight_ = &series_->With(family::kSharedInflight, {});
  }
}

Series& InstanceMetrics::Find(const Family& family,
                              std::initializer_list<std::string_view> values) {
  return *cache_.Get(&family, values, [&] { return SeriesSet{&series_->With(family, values)}; })[0];
}

void InstanceMetrics::Count(const Family& family, std::initializer_list<std::string_view> values,
                            int64_t n) {
  if (enabled()) Find(family, values).Add(n);
}
void InstanceMetrics::Observe(const Family& family, std::initializer_list<std::string_view> values,
                              double value) {
  if (enabled()) Find(family, values).Observe(value);
}
void InstanceMetrics::Set(const Family& family, std::initializer_list<std::string_view> values,
                          double value) {
  if (enabled()) Find(family, values).Set(value);
}

void InstanceMetrics::Timed(const Family& latency, const Family& count,
                            std::initializer_list<std::string_view> values, double ms) {
  if (!enabled()) return;
  const SeriesSet set = cache_.Get(&latency, values, [&] {
    return SeriesSet{&series_->With(latency, values), &series_->With(count, values)};
  });
  set[0]->Observe(ms);
  set[1]->Add();
}

void InstanceMetrics::HttpServerRequest(std::string_view method, std::string_view path, int status,
                                        double latency_ms, int64_t request_bytes,
                                        int64_t response_bytes) {
  if (!enabled()) return;
  const std::string_view verb = http_labels_.Method(method);
  const std::string_view code = HttpStatusLabel(status);
  const SeriesSet set = cache_.Get(&family::kHttpServerLatency, {verb, path, code}, [&] {
    return SeriesSet{&series_->With(family::kHttpServerLatency, {verb, path, code}),
                     &series_->With(family::kHttpServerRequestCount, {verb, path, code}),
                     &series_->With(family::kHttpServerRequestBytes, {}),
                     &series_->With(family::kHttpServerResponseBytes, {}),
                     http_labels_.increased_cardinality()
                         ? &series_->With(family::kHttpServerResponseCount, {verb, path, code})
                         : nullptr};
  });
  set[0]->Observe(latency_ms);
  set[1]->Add();
  set[2]->Observe(static_cast<double>(request_bytes));
  set[3]->Observe(static_cast<double>(response_bytes));
  if (set[4] != nullptr) set[4]->Add();
}

void InstanceMetrics::HttpClientRequest(std::string_view method, std::string_view path, int status,
                                        double latency_ms, int64_t sent_bytes,
                                        int64_t received_bytes) {
  if (!enabled()) return;
  const std::string_view verb = http_labels_.Method(method);
  const std::string_view code = HttpStatusLabel(status);
  const SeriesSet set = cache_.Get(&family::kHttpClientRoundtripLatency, {verb, path, code}, [&] {
    return SeriesSet{&series_->With(family::kHttpClientRoundtripLatency, {verb, path, code}),
                     &series_->With(family::kHttpClientCompletedCount, {verb, path, code}),
                     // Recorded when the request goes out, when no status is known.
                     &series_->With(family::kHttpClientSentBytes, {verb, path}),
                     &series_->With(family::kHttpClientReceivedBytes, {})};
  });
  set[0]->Observe(latency_ms);
  set[1]->Add();
  set[2]->Observe(static_cast<double>(sent_bytes));
  set[3]->Observe(static_cast<double>(received_bytes));
}

void InstanceMetrics::HttpHealthProbe(int status, double latency_ms) {
  Timed(family::kHttpHealthprobesRoundtripLatency, family::kHttpHealthprobesCompletedCount,
        {HttpStatusLabel(status)}, latency_ms);
}

void InstanceMetrics::GrpcServer(std::string_view method, int code, double latency_ms,
                                 int64_t received_bytes, int64_t sent_bytes) {
  if (!enabled()) return;
  const std::string_view status = GrpcStatusLabel(code);
  const SeriesSet set = cache_.Get(&family::kGrpcIoServerServerLatency, {method, status}, [&] {
    return SeriesSet{&series_->With(family::kGrpcIoServerServerLatency, {method, status}),
                     &series_->With(family::kGrpcIoServerCompletedRpcs, {method, status}),
                     &series_->With(family::kGrpcIoServerReceivedBytesPerRpc, {method}),
                     &series_->With(family::kGrpcIoServerSentBytesPerRpc, {method})};
  });
  set[0]->Observe(latency_ms);
  set[1]->Add();
  set[2]->Observe(static_cast<double>(received_bytes));
  set[3]->Observe(static_cast<double>(sent_bytes));
}

void InstanceMetrics::GrpcClient(std::string_view method, int code, double latency_ms,
                                 int64_t sent_bytes, int64_t received_bytes) {
  if (!enabled()) return;
  const std::string_view status = GrpcStatusLabel(code);
  const SeriesSet set = cache_.Get(&family::kGrpcIoClientRoundtripLatency, {method, status}, [&] {
    return SeriesSet{&series_->With(family::kGrpcIoClientRoundtripLatency, {method, status}),
                     &series_->With(family::kGrpcIoClientCompletedRpcs, {method, status}),
                     &series_->With(family::kGrpcIoClientSentBytesPerRpc, {method}),
                     &series_->With(family::kGrpcIoClientReceivedBytesPerRpc, {method})};
  });
  set[0]->Observe(latency_ms);
  set[1]->Add();
  set[2]->Observe(static_cast<double>(sent_bytes));
  set[3]->Observe(static_cast<double>(received_bytes));
}

void InstanceMetrics::GrpcHealthProbe(int code, double latency_ms) {
  Timed(family::kGrpcIoHealthprobesRoundtripLatency, family::kGrpcIoHealthprobesCompletedCount,
        {GrpcStatusLabel(code)}, latency_ms);
}

void InstanceMetrics::ServiceInvocationRequestSent(std::string_view dst_app_id,
                                                   std::string_view type) {
  Count(family::kServiceInvocationReqSentTotal, {dst_app_id, type});
}
void InstanceMetrics::ServiceInvocationRequestReceived(std::string_view src_app_id) {
  Count(family::kServiceInvocationReqRecvTotal, {src_app_id});
}
void InstanceMetrics::ServiceInvocationResponseSent(std::string_view dst_app_id, int status) {
  Count(family::kServiceInvocationResSentTotal, {dst_app_id, HttpStatusLabel(status)});
}
void InstanceMetrics::ServiceInvocationResponseReceived(std::string_view src_app_id, int status,
                                                        std::string_view type, double ms) {
  if (!enabled()) return;
  const std::string_view code = HttpStatusLabel(status);
  const SeriesSet set =
      cache_.Get(&family::kServiceInvocationResRecvTotal, {src_app_id, code, type}, [&] {
        return SeriesSet{
            &series_->With(family::kServiceInvocationResRecvTotal, {src_app_id, code, type}),
            &series_->With(family::kServiceInvocationResRecvLatencyMs, {src_app_id, code})};
      });
  set[0]->Add();
  set[1]->Observe(ms);
}

void InstanceMetrics::AclAction(bool app_policy, bool allowed, std::string_view caller_app_id,
                                std::string_view trust_domain, std::string_view name_space) {
  if (!enabled()) return;
  const Family& family = app_policy ? (allowed ? family::kAclAppPolicyActionAllowedTotal
                                               : family::kAclAppPolicyActionBlockedTotal)
                                    : (allowed ? family::kAclGlobalPolicyActionAllowedTotal
                                               : family::kAclGlobalPolicyActionBlockedTotal);
  const std::array<std::string_view, 2> labels = {trust_domain, name_space};
  cache_
      .Get(&family, {caller_app_id, trust_domain, name_space},
           [&] { return SeriesSet{&series_->With(family, labels, caller_app_id)}; })[0]
      ->Add();
}

void InstanceMetrics::ErrorCode(std::string_view error_code, std::string_view category) {
  if (record_error_codes_) Count(family::kErrorCodeTotal, {error_code, category});
}

void InstanceMetrics::TargetState(TargetMetricState state) {
  static constexpr std::array<std::string_view, 3> kTargetStates = {"ready", "unavailable",
                                                                    "waking"};
  for (size_t i = 0; i < kTargetStates.size(); ++i) {
    Set(family::kSharedTargetState, {kTargetStates[i]}, i == static_cast<size_t>(state) ? 1 : 0);
  }
}
void InstanceMetrics::WaitingCalls(int64_t delta) {
  if (waiting_ != nullptr) waiting_->Add(delta);
}
void InstanceMetrics::Inflight(int64_t delta) {
  if (inflight_ != nullptr) inflight_->Add(delta);
}
void InstanceMetrics::Endpoints(int64_t count) {
  Set(family::kSharedEndpoints, {}, static_cast<double>(count));
}
void InstanceMetrics::PendingDeliveries(std::string_view component, std::string_view topic,
                                        int64_t delta) {
  Count(family::kSharedPendingDeliveries, {component, topic}, delta);
}
void InstanceMetrics::PausedSubscriptions(std::string_view component, std::string_view topic,
                                          int64_t delta) {
  Count(family::kSharedPausedSubscriptions, {component, topic}, delta);
}

void InstanceMetrics::ResiliencyLoaded(std::string_view name) {
  Count(family::kResiliencyLoaded, {name, namespace_});
}
void InstanceMetrics::ResiliencyExecuted(std::string_view name, std::string_view policy,
                                         std::string_view flow, std::string_view target,
                                         std::string_view status) {
  Count(family::kResiliencyCount, {name, policy, namespace_, flow, target, status});
  if (policy != "circuitbreaker") return;
  static constexpr std::array<std::string_view, 4> kStates = {"closed", "half-open", "open",
                                                              "unknown"};
  for (const std::string_view state : kStates) {
    Set(family::kResiliencyCbState, {name, policy, namespace_, flow, target, state},
        state == status ? 1 : 0);
  }
}
void InstanceMetrics::ResiliencyActivated(std::string_view name, std::string_view policy,
                                          std::string_view flow, std::string_view target,
                                          std::string_view status) {
  Count(family::kResiliencyActivationsTotal, {name, policy, namespace_, flow, target, status});
}

}  // namespace telemetry
