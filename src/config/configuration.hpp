// The Configuration resource, merged from the built-in defaults and the files of --config.
// Start-up and reload only; the result is a plain value.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"
#include "config/env.hpp"

namespace config {

struct SelectorField {
  std::string field;
  std::string value;
  bool operator==(const SelectorField&) const = default;
};
struct Handler {
  std::string name;
  std::string type;
  std::string version;  // empty = v1
  std::vector<SelectorField> selector;
  std::string LogName() const;
  bool operator==(const Handler&) const = default;
};
struct Otel {
  std::string protocol;  // grpc or http
  std::string endpoint_address;
  bool is_secure = true;
  std::vector<NameValue> headers;
  std::string timeout;
  bool operator==(const Otel&) const = default;
};
struct Tracing {
  std::string sampling_rate;
  bool to_stdout = false;
  std::string zipkin_endpoint;
  Otel otel;

  /// 0 to 1; 0.0001 when empty or not a number.
  double SamplingRate() const;
  bool operator==(const Tracing&) const = default;
};
struct MetricLabel {
  std::string name;
  std::map<std::string, std::string> regex;
  bool operator==(const MetricLabel&) const = default;
};
struct MetricsRule {
  std::string name;
  std::vector<MetricLabel> labels;
  bool operator==(const MetricsRule&) const = default;
};
struct MetricHttp {
  std::optional<bool> increased_cardinality;
  std::optional<bool> exclude_verbs;
  std::optional<std::vector<std::string>> path_matching;
  bool operator==(const MetricHttp&) const = default;
};
struct Metric {
  std::optional<bool> enabled;
  std::optional<bool> record_error_codes;
  std::optional<MetricHttp> http;
  std::vector<MetricsRule> rules;
  std::optional<std::vector<int64_t>> latency_distribution_buckets;

  bool Enabled() const { return enabled.value_or(true); }
  bool RecordErrorCodes() const { return record_error_codes.value_or(false); }
  bool IncreasedCardinality() const;
  bool ExcludeVerbs() const;
  std::vector<std::string> PathMatching() const;
  /// Upper bounds in milliseconds: the configured ones or the built-in 34.
  std::vector<int64_t> LatencyBuckets() const;
  bool operator==(const Metric&) const = default;
};
struct Mtls {
  std::optional<bool> enabled;
  std::string workload_cert_ttl;
  std::string allowed_clock_skew;
  std::string sentry_address;
  std::string control_plane_trust_domain;
  bool operator==(const Mtls&) const = default;
};
struct SecretsScope {
  std::string store_name;
  std::string default_access;  // "", allow or deny
  std::vector<std::string> allowed_secrets;
  std::vector<std::string> denied_secrets;
  /// Allowed list if it has entries, else denied list, else the default (allow unless "deny").
  bool Allows(std::string_view secret) const;
  bool operator==(const SecretsScope&) const = default;
};
struct AppOperation {
  std::string name;
  std::string action;
  std::vector<std::string> http_verbs;
  bool operator==(const AppOperation&) const = default;
};
struct AppPolicy {
  std::string app_id;
  std::string default_action;
  std::string trust_domain;
  std::string namespace_name;
  std::vector<AppOperation> operations;
  bool operator==(const AppPolicy&) const = default;
};
struct AccessControl {
  std::string default_action;
  std::string trust_domain;
  std::vector<AppPolicy> policies;
  std::string source;  // file of the policies, for errors; empty when no file has the section
  bool default_given = false;  // a file says what the default action is
  bool operator==(const AccessControl&) const = default;
};
struct NameResolution {
  std::string component;
  std::string version;
  std::string configuration_json;  // JSON text, empty when not given
  bool operator==(const NameResolution&) const = default;
};
struct Feature {
  std::string name;
  bool enabled = false;
  bool operator==(const Feature&) const = default;
};
struct ApiAccessRule {
  std::string name;
  std::string version;
  std::string protocol;
  bool operator==(const ApiAccessRule&) const = default;
};
struct ApiLogging {
  std::optional<bool> enabled;
  std::optional<bool> obfuscate_urls;
  std::optional<bool> omit_health_checks;
  bool operator==(const ApiLogging&) const = default;
};
struct NamedConcurrencyLimit {
  std::string name;
  int32_t max_concurrent = 0;
  bool operator==(const NamedConcurrencyLimit&) const = default;
};
struct StateRetentionPolicy {
  std::optional<std::string> any_terminal, completed, failed, terminated;
  bool operator==(const StateRetentionPolicy&) const = default;
};
struct Workflow {
  int32_t max_concurrent_workflow_invocations = 0;  // 0 = unlimited, here and below
  int32_t max_concurrent_activity_invocations = 0;
  std::optional<int32_t> global_max_concurrent_workflow_invocations;
  std::optional<int32_t> global_max_concurrent_activity_invocations;
  std::vector<NamedConcurrencyLimit> workflow_concurrency_limits;
  std::vector<NamedConcurrencyLimit> activity_concurrency_limits;
  std::optional<StateRetentionPolicy> state_retention_policy;
  bool operator==(const Workflow&) const = default;
};

struct Configuration {
  ObjectMeta meta;
  std::vector<Handler> http_pipeline;
  std::vector<Handler> app_http_pipeline;
  Tracing tracing;
  Metric metric;  // use Metrics(), which has `metrics` laid over it
  Metric metrics;
  Mtls mtls;
  std::vector<SecretsScope> secret_scopes;
  AccessControl access_control{"allow", "public", {}};
  NameResolution name_resolution;
  std::vector<Feature> features;
  std::vector<ApiAccessRule> api_allowed;
  std::vector<ApiAccessRule> api_denied;
  std::vector<std::string> denied_components;
  ApiLogging api_logging;
  bool wasm_strict_sandbox = false;
  Workflow workflow;
  /// One line per file that does not say that it is a Configuration.
  std::vector<std::string> warnings;

  Metric Metrics() const;
  /// By name: as listed, else on for HotReload and WorkflowsRemoteActivityReminder, else off.
  bool FeatureEnabled(std::string_view name) const;
  /// Null when no scope names the store.
  const SecretsScope* SecretScope(std::string_view store) const;
  /// True when spec.components.deny lists "type" or "type/version", case ignored.
  bool ComponentDenied(std::string_view type, std::string_view version) const;
};

/// Lays a document over `out`: fields it gives replace what is there, lists whole, the rest stays.
base::Status MergeConfiguration(const Document& document, Configuration& out);

/// Checks what can only be judged when all files are merged: duplicate or wrong secret scopes,
/// incomplete access rules, tracing protocol. Errors name the field and the mend.
base::Status CheckConfiguration(const Configuration& configuration);

/// What of a file that does not begin with a document of kind Configuration with a spec. At the
/// start it is merged as far as it goes, with a warning. Later it is a mistake: such a file is most
/// likely half-written, and what it lacks may be what keeps callers out.
enum class OtherFiles { kWarn, kRefuse };

/// The defaults with the first document of each file merged in order, after expanding $VAR and
/// ${VAR} in their text, then checked. A missing file fails with
/// "error loading configuration: …".
base::Result<Configuration> LoadConfiguration(const std::vector<std::string>& files, const Env& env,
                                              OtherFiles others = OtherFiles::kWarn);

/// Fills the OpenTelemetry exporter from OTEL_EXPORTER_OTLP_… when no file gave an endpoint; the
/// TRACES_ form of a variable wins. An endpoint found there also sets an unset sampling rate to 1.
void ApplyOtelEnv(const Env& env, Configuration& configuration);

}  // namespace config
