// What one app's Instance records: one function per event, each filling the families of
// dapr_families.hpp that belong to it. Blocks, API handlers and the target call these on the data
// path; on a loop a call costs two small hash look-ups at most and no lock (series_cache.hpp). Any
// thread may call. With metrics off every function returns at once.
//
// Durations are milliseconds, sizes bytes. Statuses are HTTP or gRPC code numbers as said.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "telemetry/dapr_families.hpp"
#include "telemetry/http_path_label.hpp"
#include "telemetry/registry.hpp"
#include "telemetry/series_cache.hpp"

namespace telemetry {

struct InstanceMetricsOptions {
  std::string app_id;
  std::string name_space;  // label `namespace`: the environment's NAMESPACE, may be empty
  bool enabled = true;     // metric.enabled
  bool record_error_codes = false;
  HttpLabelOptions http;
  std::vector<LabelRule> rules;
  std::vector<double> latency_buckets;  // empty = the default ones
  size_t max_series_per_family = 1000;
};

/// The values of the label `state` of dapr_shared_target_state.
enum class TargetMetricState : uint8_t { kReady, kUnavailable, kWaking };

class InstanceMetrics {
 public:
  /// Takes the app's series from `registry`, which must outlive this object. Fails on a bad rule or
  /// path pattern. Whoever ends the Instance also calls registry.DropApp.
  static base::Result<std::unique_ptr<InstanceMetrics>> Create(Registry& registry,
                                                               InstanceMetricsOptions options);

  bool enabled() const { return series_ != nullptr; }
  const HttpLabels& http_labels() const { return http_labels_; }

  // HTTP. `path` is a label made by http_labels().Path; the method is made a label here.
  void HttpServerRequest(std::string_view method, std::string_view path, int status,
                         double latency_ms, int64_t request_bytes, int64_t response_bytes);
  void HttpClientRequest(std::string_view method, std::string_view path, int status,
                         double latency_ms, int64_t sent_bytes, int64_t received_bytes);
  void HttpHealthProbe(int status, double latency_ms);

  // gRPC, unary calls. `method` is the full one, with a slash in front; `code` a gRPC code.
  void GrpcServer(std::string_view method, int code, double latency_ms, int64_t received_bytes,
                  int64_t sent_bytes);
  void GrpcClient(std::string_view method, int code, double latency_ms, int64_t sent_bytes,
                  int64_t received_bytes);
  void GrpcHealthProbe(int code, double latency_ms);

  // Components. `operation` is get, set, delete, bulk_get, … as Dapr names them.
  void StateOperation(std::string_view component, std::string_view operation, bool success,
                      double ms);
  void SecretOperation(std::string_view component, std::string_view operation, bool success,
                       double ms);
  void ConfigurationOperation(std::string_view component, std::string_view operation, bool success,
                              double ms);
  void CryptoOperation(std::string_view component, std::string_view operation, bool success,
                       double ms);
  void ConversationCall(std::string_view component, bool success, double ms);
  void InputBindingEvent(std::string_view component, bool success, double ms);
  void OutputBindingCall(std::string_view component, std::string_view operation, bool success,
                         double ms);
  /// `process_status` is success, drop or retry; `status` the app's answer, may be empty.
  void PubsubIngress(std::string_view component, std::string_view topic,
                     std::string_view process_status, std::string_view status, double ms);
  void PubsubEgress(std::string_view component, std::string_view topic, bool success, double ms);
  void BulkPubsubIngress(std::string_view component, std::string_view topic,
                         std::string_view process_status, double ms);
  void BulkPubsubIngressEvents(std::string_view component, std::string_view topic,
                               std::string_view process_status, int64_t events);
  void BulkPubsubEgress(std::string_view component, std::string_view topic, bool success,
                        double ms);
  void JobOperation(std::string_view operation, bool success, double ms);
  void ComponentLoaded();
  void ComponentInit(std::string_view component_type);
  void ComponentInitFailed(std::string_view component_type, std::string_view reason,
                           std::string_view component_name);

  // Service invocation. `type` is unary or streaming; `status` an HTTP status or gRPC code number,
  // 0 for a call that failed; an unknown caller is `unknown`.
  void ServiceInvocationRequestSent(std::string_view dst_app_id, std::string_view type);
  void ServiceInvocationRequestReceived(std::string_view src_app_id);
  void ServiceInvocationResponseSent(std::string_view dst_app_id, int status);
  void ServiceInvocationResponseReceived(std::string_view src_app_id, int status,
                                         std::string_view type, double ms);
  /// Labelled with the caller's identity, all empty when it has none.
  void AclAction(bool app_policy, bool allowed, std::string_view caller_app_id,
                 std::string_view trust_domain, std::string_view name_space);

  /// Counts only when the Configuration asks for it (recordErrorCodes).
  void ErrorCode(std::string_view error_code, std::string_view category);

  // Resiliency. `policy` is timeout, retry or circuitbreaker, `flow` inbound or outbound.
  void ResiliencyLoaded(std::string_view name);
  /// For a circuit breaker `status` is its state, which also moves the state gauge.
  void ResiliencyExecuted(std::string_view name, std::string_view policy, std::string_view flow,
                          std::string_view target, std::string_view status);
  void ResiliencyActivated(std::string_view name, std::string_view policy, std::string_view flow,
                           std::string_view target, std::string_view status);

  // The shared target.
  void TargetState(TargetMetricState state);
  void WaitingCalls(int64_t delta);
  void Inflight(int64_t delta);
  void Endpoints(int64_t count);
  /// Both are told changes, not totals.
  void PendingDeliveries(std::string_view component, std::string_view topic, int64_t delta);
  void PausedSubscriptions(std::string_view component, std::string_view topic, int64_t delta);

  // Any other family of dapr_families.hpp; `values` in the order of its labels after app_id.
  void Count(const Family& family, std::initializer_list<std::string_view> values, int64_t n = 1);
  void Observe(const Family& family, std::initializer_list<std::string_view> values, double value);
  void Set(const Family& family, std::initializer_list<std::string_view> values, double value);

 private:
  InstanceMetrics(std::shared_ptr<AppSeries> series, HttpLabels labels,
                  InstanceMetricsOptions options);
  Series& Find(const Family& family, std::initializer_list<std::string_view> values);
  // The latency and the count family of one kind of operation have the same labels.
  void Timed(const Family& latency, const Family& count,
             std::initializer_list<std::string_view> values, double ms);

  const std::shared_ptr<AppSeries> series_;  // null = metrics are off
  const HttpLabels http_labels_;
  const std::string namespace_;
  const bool record_error_codes_;
  SeriesCache cache_;
  Series* waiting_ = nullptr;
  Series* inflight_ = nullptr;
};

}  // namespace telemetry
