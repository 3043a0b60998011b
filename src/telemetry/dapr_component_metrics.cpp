// InstanceMetrics: the families of components.
#include "telemetry/dapr_metrics.hpp"

namespace telemetry {
namespace {

std::string_view Success(bool success) {
  return success ? "true" : "false";
}

}  // namespace

void InstanceMetrics::StateOperation(std::string_view component, std::string_view operation,
                                     bool success, double ms) {
  Timed(family::kComponentStateLatencies, family::kComponentStateCount,
        {component, namespace_, operation, Success(success)}, ms);
}
void InstanceMetrics::SecretOperation(std::string_view component, std::string_view operation,
                                      bool success, double ms) {
  Timed(family::kComponentSecretLatencies, family::kComponentSecretCount,
        {component, namespace_, operation, Success(success)}, ms);
}
void InstanceMetrics::ConfigurationOperation(std::string_view component, std::string_view operation,
                                             bool success, double ms) {
  Timed(family::kComponentConfigurationLatencies, family::kComponentConfigurationCount,
        {component, namespace_, operation, Success(success)}, ms);
}
void InstanceMetrics::CryptoOperation(std::string_view component, std::string_view operation,
                                      bool success, double ms) {
  Timed(family::kComponentCryptoLatencies, family::kComponentCryptoCount,
        {component, namespace_, operation, Success(success)}, ms);
}
void InstanceMetrics::ConversationCall(std::string_view component, bool success, double ms) {
  Timed(family::kComponentConversationLatencies, family::kComponentConversationCount,
        {component, namespace_, Success(success)}, ms);
}
void InstanceMetrics::InputBindingEvent(std::string_view component, bool success, double ms) {
  Timed(family::kComponentInputBindingLatencies, family::kComponentInputBindingCount,
        {component, namespace_, Success(success)}, ms);
}
void InstanceMetrics::OutputBindingCall(std::string_view component, std::string_view operation,
                                        bool success, double ms) {
  Timed(family::kComponentOutputBindingLatencies, family::kComponentOutputBindingCount,
        {component, namespace_, operation, Success(success)}, ms);
}
void InstanceMetrics::PubsubIngress(std::string_view component, std::string_view topic,
                                    std::string_view process_status, std::string_view status,
                                    double ms) {
  Timed(family::kComponentPubsubIngressLatencies, family::kComponentPubsubIngressCount,
        {component, namespace_, process_status, topic, status}, ms);
}
void InstanceMetrics::PubsubEgress(std::string_view component, std::string_view topic, bool success,
                                   double ms) {
  Timed(family::kComponentPubsubEgressLatencies, family::kComponentPubsubEgressCount,
        {component, namespace_, Success(success), topic}, ms);
}
void InstanceMetrics::BulkPubsubIngress(std::string_view component, std::string_view topic,
                                        std::string_view process_status, double ms) {
  Timed(family::kComponentPubsubIngressBulkLatencies, family::kComponentPubsubIngressBulkCount,
        {component, namespace_, process_status, topic}, ms);
}
void InstanceMetrics::BulkPubsubIngressEvents(std::string_view component, std::string_view topic,
                                              std::string_view process_status, int64_t events) {
  Count(family::kComponentPubsubIngressBulkEventCount,
        {component, namespace_, process_status, topic}, events);
}
void InstanceMetrics::BulkPubsubEgress(std::string_view component, std::string_view topic,
                                       bool success, double ms) {
  Timed(family::kComponentPubsubEgressBulkLatencies, family::kComponentPubsubEgressBulkCount,
        {component, namespace_, Success(success), topic}, ms);
}
void InstanceMetrics::JobOperation(std::string_view operation, bool success, double ms) {
  Observe(family::kComponentJobLatencies, {namespace_, operation, Success(success)}, ms);
  Count(success ? family::kComponentJobSuccessCount : family::kComponentJobFailureCount,
        {namespace_, operation});
}
void InstanceMetrics::ComponentLoaded() {
  Count(family::kComponentLoaded, {});
}
void InstanceMetrics::ComponentInit(std::string_view component_type) {
  Count(family::kComponentInitTotal, {component_type});
}
void InstanceMetrics::ComponentInitFailed(std::string_view component_type, std::string_view reason,
                                          std::string_view component_name) {
  Count(family::kComponentInitFailTotal, {component_type, reason, component_name});
}

}  // namespace telemetry
