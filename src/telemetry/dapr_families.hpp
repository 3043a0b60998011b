// Every metric family of the runtime: names, labels and bounds are those of Dapr, so that people's
// dashboards keep working; the last group is ours. The help texts are our own.
#pragma once

#include <initializer_list>
#include <string_view>

#include "telemetry/series.hpp"

namespace telemetry::family {

namespace internal {
consteval Family Make(std::string_view name, Type type, Buckets buckets, std::string_view help,
                      std::initializer_list<std::string_view> labels) {
  Family family{name, type, buckets, help, {}};
  size_t i = 0;
  for (const std::string_view label : labels) family.labels[i++] = label;
  return family;
}
using Labels = std::initializer_list<std::string_view>;
consteval Family Counter(std::string_view name, std::string_view help, Labels labels) {
  return Make(name, Type::kCounter, Buckets::kNone, help, labels);
}
consteval Family Gauge(std::string_view name, std::string_view help, Labels labels) {
  return Make(name, Type::kGauge, Buckets::kNone, help, labels);
}
consteval Family Latency(std::string_view name, std::string_view help, Labels labels) {
  return Make(name, Type::kHistogram, Buckets::kLatencyMs, help, labels);
}
consteval Family Bytes(std::string_view name, std::string_view help, Labels labels) {
  return Make(name, Type::kHistogram, Buckets::kBytes, help, labels);
}
}  // namespace internal

// component
inline constexpr Family kComponentPubsubIngressLatencies =
    internal::Latency("dapr_component_pubsub_ingress_latencies",
                      "Time the app took for a message from a topic, in milliseconds.",
                      {"component", "namespace", "process_status", "topic", "status"});
inline constexpr Family kComponentPubsubIngressCount = internal::Counter(
    "dapr_component_pubsub_ingress_count", "Messages from a topic that were given to the app.",
    {"component", "namespace", "process_status", "topic", "status"});
inline constexpr Family kComponentPubsubIngressBulkLatencies =
    internal::Latency("dapr_component_pubsub_ingress_bulk_latencies",
                      "Time the app took for a batch of messages, in milliseconds.",
                      {"component", "namespace", "process_status", "topic"});
inline constexpr Family kComponentPubsubIngressBulkCount = internal::Counter(
    "dapr_component_pubsub_ingress_bulk_count", "Batches of messages that were given to the app.",
    {"component", "namespace", "process_status", "topic"});
inline constexpr Family kComponentPubsubIngressBulkEventCount =
    internal::Counter("dapr_component_pubsub_ingress_bulk_event_count",
                      "Messages in batches that were given to the app.",
                      {"component", "namespace", "process_status", "topic"});
inline constexpr Family kComponentPubsubEgressLatencies =
    internal::Latency("dapr_component_pubsub_egress_latencies",
                      "Time a publish took in the component, in milliseconds.",
                      {"component", "namespace", "success", "topic"});
inline constexpr Family kComponentPubsubEgressCount =
    internal::Counter("dapr_component_pubsub_egress_count", "Messages published.",
                      {"component", "namespace", "success", "topic"});
inline constexpr Family kComponentPubsubEgressBulkLatencies =
    internal::Latency("dapr_component_pubsub_egress_bulk_latencies",
                      "Time a bulk publish took in the component, in milliseconds.",
                      {"component", "namespace", "success", "topic"});
inline constexpr Family kComponentPubsubEgressBulkCount =
    internal::Counter("dapr_component_pubsub_egress_bulk_count", "Bulk publishes.",
                      {"component", "namespace", "success", "topic"});
inline constexpr Family kComponentInputBindingLatencies =
    internal::Latency("dapr_component_input_binding_latencies",
                      "Time the app took for an event of an input binding, in milliseconds.",
                      {"component", "namespace", "success"});
inline constexpr Family kComponentInputBindingCount = internal::Counter(
    "dapr_component_input_binding_count", "Events of input bindings that were given to the app.",
    {"component", "namespace", "success"});
inline constexpr Family kComponentOutputBindingLatencies = internal::Latency(
    "dapr_component_output_binding_latencies", "Time an output binding took, in milliseconds.",
    {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentOutputBindingCount =
    internal::Counter("dapr_component_output_binding_count", "Calls of output bindings.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentStateLatencies = internal::Latency(
    "dapr_component_state_latencies", "Time an operation of a state store took, in milliseconds.",
    {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentStateCount =
    internal::Counter("dapr_component_state_count", "Operations of state stores.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentConfigurationLatencies =
    internal::Latency("dapr_component_configuration_latencies",
                      "Time an operation of a configuration store took, in milliseconds.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentConfigurationCount =
    internal::Counter("dapr_component_configuration_count", "Operations of configuration stores.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentSecretLatencies = internal::Latency(
    "dapr_component_secret_latencies", "Time an operation of a secret store took, in milliseconds.",
    {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentSecretCount =
    internal::Counter("dapr_component_secret_count", "Operations of secret stores.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentConversationLatencies = internal::Latency(
    "dapr_component_conversation_latencies", "Time a conversation call took, in milliseconds.",
    {"component", "namespace", "success"});
inline constexpr Family kComponentConversationCount =
    internal::Counter("dapr_component_conversation_count", "Conversation calls.",
                      {"component", "namespace", "success"});
inline constexpr Family kComponentCryptoLatencies = internal::Latency(
    "dapr_component_crypto_latencies", "Time a cryptographic operation took, in milliseconds.",
    {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentCryptoCount =
    internal::Counter("dapr_component_crypto_count", "Cryptographic operations.",
                      {"component", "namespace", "operation", "success"});
inline constexpr Family kComponentJobLatencies =
    internal::Latency("dapr_component_job_latencies", "Time a job operation took, in milliseconds.",
                      {"namespace", "operation", "success"});
inline constexpr Family kComponentJobSuccessCount =
    internal::Counter("dapr_component_job_success_count", "Job operations that succeeded.",
                      {"namespace", "operation"});
inline constexpr Family kComponentJobFailureCount = internal::Counter(
    "dapr_component_job_failure_count", "Job operations that failed.", {"namespace", "operation"});

// errorcode
inline constexpr Family kErrorCodeTotal = internal::Counter(
    "dapr_error_code_total", "API errors by their code.", {"error_code", "category"});

// grpc
inline constexpr Family kGrpcIoServerReceivedBytesPerRpc =
    internal::Bytes("dapr_grpc_io_server_received_bytes_per_rpc",
                    "Bytes of request messages in a call served.", {"grpc_server_method"});
inline constexpr Family kGrpcIoServerSentBytesPerRpc =
    internal::Bytes("dapr_grpc_io_server_sent_bytes_per_rpc",
                    "Bytes of response messages in a call served.", {"grpc_server_method"});
inline constexpr Family kGrpcIoServerServerLatency = internal::Latency(
    "dapr_grpc_io_server_server_latency", "Time a call served took, in milliseconds.",
    {"grpc_server_method", "grpc_server_status"});
inline constexpr Family kGrpcIoServerCompletedRpcs =
    internal::Counter("dapr_grpc_io_server_completed_rpcs", "Calls served.",
                      {"grpc_server_method", "grpc_server_status"});
inline constexpr Family kGrpcIoClientSentBytesPerRpc =
    internal::Bytes("dapr_grpc_io_client_sent_bytes_per_rpc",
                    "Bytes of request messages in a call made.", {"grpc_client_method"});
inline constexpr Family kGrpcIoClientReceivedBytesPerRpc =
    internal::Bytes("dapr_grpc_io_client_received_bytes_per_rpc",
                    "Bytes of response messages in a call made.", {"grpc_client_method"});
inline constexpr Family kGrpcIoClientRoundtripLatency = internal::Latency(
    "dapr_grpc_io_client_roundtrip_latency", "Time a call made took, in milliseconds.",
    {"grpc_client_method", "grpc_client_status"});
inline constexpr Family kGrpcIoClientCompletedRpcs =
    internal::Counter("dapr_grpc_io_client_completed_rpcs", "Calls made.",
                      {"grpc_client_method", "grpc_client_status"});
inline constexpr Family kGrpcIoHealthprobesRoundtripLatency = internal::Latency(
    "dapr_grpc_io_healthprobes_roundtrip_latency",
    "Time a health probe of the app took over gRPC, in milliseconds.", {"grpc_client_status"});
inline constexpr Family kGrpcIoHealthprobesCompletedCount =
    internal::Counter("dapr_grpc_io_healthprobes_completed_count",
                      "Health probes of the app over gRPC.", {"grpc_client_status"});

// http
inline constexpr Family kHttpServerRequestBytes =
    internal::Bytes("dapr_http_server_request_bytes", "Bytes of request bodies received.", {});
inline constexpr Family kHttpServerResponseBytes =
    internal::Bytes("dapr_http_server_response_bytes", "Bytes of response bodies sent.", {});
inline constexpr Family kHttpServerLatency =
    internal::Latency("dapr_http_server_latency", "Time a request served took, in milliseconds.",
                      {"method", "path", "status"});
inline constexpr Family kHttpServerRequestCount = internal::Counter(
    "dapr_http_server_request_count", "Requests served.", {"method", "path", "status"});
inline constexpr Family kHttpClientSentBytes = internal::Bytes(
    "dapr_http_client_sent_bytes", "Bytes of request bodies sent.", {"method", "path", "status"});
inline constexpr Family kHttpClientReceivedBytes =
    internal::Bytes("dapr_http_client_received_bytes", "Bytes of response bodies received.", {});
inline constexpr Family kHttpClientRoundtripLatency =
    internal::Latency("dapr_http_client_roundtrip_latency",
                      "Time a request made took, in milliseconds.", {"method", "path", "status"});
inline constexpr Family kHttpClientCompletedCount = internal::Counter(
    "dapr_http_client_completed_count", "Requests made.", {"method", "path", "status"});
inline constexpr Family kHttpHealthprobesRoundtripLatency = internal::Latency(
    "dapr_http_healthprobes_roundtrip_latency",
    "Time a health probe of the app took over HTTP, in milliseconds.", {"status"});
inline constexpr Family kHttpHealthprobesCompletedCount = internal::Counter(
    "dapr_http_healthprobes_completed_count", "Health probes of the app over HTTP.", {"status"});
inline constexpr Family kHttpServerResponseCount = internal::Counter(
    "dapr_http_server_response_count", "Responses sent.", {"method", "path", "status"});

// resiliency
inline constexpr Family kResiliencyLoaded = internal::Counter(
    "dapr_resiliency_loaded", "Resiliency policies loaded.", {"name", "namespace"});
inline constexpr Family kResiliencyCount =
    internal::Counter("dapr_resiliency_count", "Times a resiliency policy was applied.",
                      {"name", "policy", "namespace", "flow_direction", "target", "status"});
inline constexpr Family kResiliencyActivationsTotal =
    internal::Counter("dapr_resiliency_activations_total", "Times a resiliency policy acted.",
                      {"name", "policy", "namespace", "flow_direction", "target", "status"});
inline constexpr Family kResiliencyCbState = internal::Gauge(
    "dapr_resiliency_cb_state", "State of a circuit breaker: 1 for the state it is in.",
    {"name", "policy", "namespace", "flow_direction", "target", "status"});

// service
inline constexpr Family kComponentLoaded =
    internal::Counter("dapr_runtime_component_loaded", "Components loaded.", {});
inline constexpr Family kComponentInitTotal = internal::Counter(
    "dapr_runtime_component_init_total", "Components initialised.", {"component"});
inline constexpr Family kComponentInitFailTotal = internal::Counter(
    "dapr_runtime_component_init_fail_total", "Components whose initialisation failed.",
    {"component", "reason", "componentName"});
inline constexpr Family kMtlsInitTotal =
    internal::Counter("dapr_runtime_mtls_init_total", "Initialisations of the mTLS identity.", {});
inline constexpr Family kMtlsInitFailTotal =
    internal::Counter("dapr_runtime_mtls_init_fail_total",
                      "Failed initialisations of the mTLS identity.", {"reason"});
inline constexpr Family kMtlsWorkloadCertRotatedTotal = internal::Counter(
    "dapr_runtime_mtls_workload_cert_rotated_total", "Renewals of the workload certificate.", {});
inline constexpr Family kMtlsWorkloadCertRotatedFailTotal =
    internal::Counter("dapr_runtime_mtls_workload_cert_rotated_fail_total",
                      "Failed renewals of the workload certificate.", {"reason"});
inline constexpr Family kActorStatusReportTotal = internal::Counter(
    "dapr_runtime_actor_status_report_total", "Reports to placement.", {"actor_type", "operation"});
inline constexpr Family kActorStatusReportFailTotal =
    internal::Counter("dapr_runtime_actor_status_report_fail_total", "Failed reports to placement.",
                      {"actor_type", "operation", "reason"});
inline constexpr Family kActorTableOperationRecvTotal =
    internal::Counter("dapr_runtime_actor_table_operation_recv_total",
                      "Placement table operations received.", {"actor_type", "operation"});
inline constexpr Family kActorRebalancedTotal =
    internal::Counter("dapr_runtime_actor_rebalanced_total", "Actor rebalances.", {"actor_type"});
inline constexpr Family kActorDeactivatedTotal = internal::Counter(
    "dapr_runtime_actor_deactivated_total", "Actors deactivated.", {"actor_type"});
inline constexpr Family kActorDeactivatedFailedTotal =
    internal::Counter("dapr_runtime_actor_deactivated_failed_total",
                      "Actors whose deactivation failed.", {"actor_type"});
inline constexpr Family kActorPendingActorCalls = internal::Gauge(
    "dapr_runtime_actor_pending_actor_calls", "Calls waiting for an actor.", {"actor_type"});
inline constexpr Family kActorTimers =
    internal::Gauge("dapr_runtime_actor_timers", "Actor timers set.", {"actor_type"});
inline constexpr Family kActorReminders =
    internal::Gauge("dapr_runtime_actor_reminders", "Actor reminders set.", {"actor_type"});
inline constexpr Family kActorRemindersFiredTotal =
    internal::Counter("dapr_runtime_actor_reminders_fired_total", "Actor reminders fired.",
                      {"actor_type", "success"});
inline constexpr Family kActorTimersFiredTotal = internal::Counter(
    "dapr_runtime_actor_timers_fired_total", "Actor timers fired.", {"actor_type", "success"});
inline constexpr Family kAclAppPolicyActionAllowedTotal = internal::Counter(
    "dapr_runtime_acl_app_policy_action_allowed_total",
    "Calls that an app policy of the access control allowed.", {"trustDomain", "namespace"});
inline constexpr Family kAclGlobalPolicyActionAllowedTotal = internal::Counter(
    "dapr_runtime_acl_global_policy_action_allowed_total",
    "Calls that the default of the access control allowed.", {"trustDomain", "namespace"});
inline constexpr Family kAclAppPolicyActionBlockedTotal = internal::Counter(
    "dapr_runtime_acl_app_policy_action_blocked_total",
    "Calls that an app policy of the access control blocked.", {"trustDomain", "namespace"});
inline constexpr Family kAclGlobalPolicyActionBlockedTotal = internal::Counter(
    "dapr_runtime_acl_global_policy_action_blocked_total",
    "Calls that the default of the access control blocked.", {"trustDomain", "namespace"});
inline constexpr Family kWorkflowAclActionAllowedTotal = internal::Counter(
    "dapr_runtime_workflow_acl_action_allowed_total",
    "Workflow operations that an access policy allowed.", {"src_app_id", "operation", "type"});
inline constexpr Family kWorkflowAclActionDeniedTotal = internal::Counter(
    "dapr_runtime_workflow_acl_action_denied_total",
    "Workflow operations that an access policy denied.", {"src_app_id", "operation", "type"});
inline constexpr Family kServiceInvocationReqSentTotal =
    internal::Counter("dapr_runtime_service_invocation_req_sent_total",
                      "Invocations sent to other apps.", {"dst_app_id", "type"});
inline constexpr Family kServiceInvocationReqRecvTotal =
    internal::Counter("dapr_runtime_service_invocation_req_recv_total",
                      "Invocations received from other apps.", {"src_app_id"});
inline constexpr Family kServiceInvocationResSentTotal =
    internal::Counter("dapr_runtime_service_invocation_res_sent_total",
                      "Answers sent to invoking apps.", {"dst_app_id", "status"});
inline constexpr Family kServiceInvocationResRecvTotal =
    internal::Counter("dapr_runtime_service_invocation_res_recv_total",
                      "Answers received from invoked apps.", {"src_app_id", "status", "type"});
inline constexpr Family kServiceInvocationResRecvLatencyMs = internal::Latency(
    "dapr_runtime_service_invocation_res_recv_latency_ms",
    "Time until an invoked app answered, in milliseconds.", {"src_app_id", "status"});

// sharing
inline constexpr Family kSharedTargetState =
    internal::Gauge("dapr_shared_target_state",
                    "State of the app as a target: 1 for the state it is in.", {"state"});
inline constexpr Family kSharedWaitingCalls =
    internal::Gauge("dapr_shared_waiting_calls", "Calls that wait for the app to come back.", {});
inline constexpr Family kSharedInflight =
    internal::Gauge("dapr_shared_inflight", "Calls that the app is working on.", {});
inline constexpr Family kSharedEndpoints =
    internal::Gauge("dapr_shared_endpoints", "Endpoints of the app that may be used.", {});
inline constexpr Family kSharedPendingDeliveries = internal::Gauge(
    "dapr_shared_pending_deliveries",
    "Messages pulled from a topic that wait for the app to come back.", {"component", "topic"});
inline constexpr Family kSharedPausedSubscriptions = internal::Gauge(
    "dapr_shared_paused_subscriptions",
    "Subscriptions that pull nothing because the app is not there.", {"component", "topic"});

}  // namespace telemetry::family
