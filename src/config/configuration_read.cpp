// Reading the Configuration resource's fields; its rules are in configuration.cpp.
#include "config/configuration.hpp"
#include "config/yaml_fields.hpp"

namespace config {
namespace {

// A list that is given replaces the old one whole.
template <class T, class F>
void ReadList(Fields& fields, std::string_view name, std::vector<T>& out, F read) {
  std::vector<T> values;
  const bool given = fields.Each(name, [&](Fields& f) {
    T value{};
    read(f, value);
    values.push_back(std::move(value));
  });
  if (given) out = std::move(values);
}

void ReadPipeline(Fields& spec, std::string_view name, std::vector<Handler>& out) {
  spec.Child(name, [&](Fields& p) {
    ReadList(p, "handlers", out, [](Fields& f, Handler& handler) {
      f.Read("name", handler.name);
      f.Read("type", handler.type);
      f.Read("version", handler.version);
      f.Child("selector", [&](Fields& s) {
        ReadList(s, "fields", handler.selector, [](Fields& g, SelectorField& field) {
          g.Read("field", field.field);
          g.Read("value", field.value);
        });
      });
    });
  });
}

void ReadTracing(Fields& f, Tracing& out) {
  f.Read("samplingRate", out.sampling_rate);
  f.Read("stdout", out.to_stdout);
  f.Child("zipkin", [&](Fields& z) { z.Read("endpointAddress", out.zipkin_endpoint); });
  f.Child("otel", [&](Fields& o) {
    o.Read("protocol", out.otel.protocol);
    o.Read("endpointAddress", out.otel.endpoint_address);
    o.Read("isSecure", out.otel.is_secure);
    ReadNameValues(o, "headers", out.otel.headers);
    o.Read("timeout", out.otel.timeout);
  });
}

void ReadMetric(Fields& spec, std::string_view name, Metric& out) {
  spec.Child(name, [&](Fields& f) {
    f.Read("enabled", out.enabled);
    f.Read("recordErrorCodes", out.record_error_codes);
    f.Child("http", [&](Fields& h) {
      if (!out.http) out.http.emplace();
      h.Read("increasedCardinality", out.http->increased_cardinality);
      h.Read("excludeVerbs", out.http->exclude_verbs);
      h.Read("pathMatching", out.http->path_matching);
    });
    ReadList(f, "rules", out.rules, [](Fields& r, MetricsRule& rule) {
      r.Read("name", rule.name);
      ReadList(r, "labels", rule.labels, [](Fields& l, MetricLabel& label) {
        l.Read("name", label.name);
        l.Read("regex", label.regex);
      });
    });
    f.Read("latencyDistributionBuckets", out.latency_distribution_buckets);
  });
}

void ReadAccessControl(Fields& f, AccessControl& out) {
  out.source = f.source().ToString();
  std::optional<std::string> action;
  f.Read("defaultAction", action);
  if (action) {
    out.default_action = std::move(*action);
    out.default_given = true;
  }
  f.Read("trustDomain", out.trust_domain);
  ReadList(f, "policies", out.policies, [](Fields& p, AppPolicy& policy) {
    p.Read("appId", policy.app_id);
    p.Read("defaultAction", policy.default_action);
    p.Read("trustDomain", policy.trust_domain);
    p.Read("namespace", policy.namespace_name);
    ReadList(p, "operations", policy.operations, [](Fields& o, AppOperation& operation) {
      o.Read("name", operation.name);
      o.Read("action", operation.action);
      o.Read("httpVerb", operation.http_verbs);
    });
  });
}

void ReadApiRules(Fields& api, std::string_view name, std::vector<ApiAccessRule>& out) {
  ReadList(api, name, out, [](Fields& f, ApiAccessRule& rule) {
    f.Read("name", rule.name);
    f.Read("version", rule.version);
    f.Read("protocol", rule.protocol);
  });
}

void ReadLimits(Fields& workflow, std::string_view name, std::vector<NamedConcurrencyLimit>& out) {
  ReadList(workflow, name, out, [](Fields& f, NamedConcurrencyLimit& limit) {
    f.Read("name", limit.name);
    f.Read("maxConcurrent", limit.max_concurrent);
  });
}

void ReadWorkflow(Fields& f, Workflow& out) {
  f.Read("maxConcurrentWorkflowInvocations", out.max_concurrent_workflow_invocations);
  f.Read("maxConcurrentActivityInvocations", out.max_concurrent_activity_invocations);
  f.Read("globalMaxConcurrentWorkflowInvocations", out.global_max_concurrent_workflow_invocations);
  f.Read("globalMaxConcurrentActivityInvocations", out.global_max_concurrent_activity_invocations);
  ReadLimits(f, "workflowConcurrencyLimits", out.workflow_concurrency_limits);
  ReadLimits(f, "activityConcurrencyLimits", out.activity_concurrency_limits);
  f.Child("stateRetentionPolicy", [&](Fields& p) {
    if (!out.state_retention_policy) out.state_retention_policy.emplace();
    p.Read("anyTerminal", out.state_retention_policy->any_terminal);
    p.Read("completed", out.state_retention_policy->completed);
    p.Read("failed", out.state_retention_policy->failed);
    p.Read("terminated", out.state_retention_policy->terminated);
  });
}

void ReadSpec(Fields& spec, Configuration& out) {
  ReadPipeline(spec, "httpPipeline", out.http_pipeline);
  ReadPipeline(spec, "appHttpPipeline", out.app_http_pipeline);
  spec.Child("tracing", [&](Fields& f) { ReadTracing(f, out.tracing); });
  ReadMetric(spec, "metric", out.metric);
  ReadMetric(spec, "metrics", out.metrics);
  spec.Child("mtls", [&](Fields& f) {
    f.Read("enabled", out.mtls.enabled);
    f.Read("workloadCertTTL", out.mtls.workload_cert_ttl);
    f.Read("allowedClockSkew", out.mtls.allowed_clock_skew);
    f.Read("sentryAddress", out.mtls.sentry_address);
    f.Read("controlPlaneTrustDomain", out.mtls.control_plane_trust_domain);
  });
  spec.Child("secrets", [&](Fields& s) {
    ReadList(s, "scopes", out.secret_scopes, [](Fields& f, SecretsScope& scope) {
      f.Read("storeName", scope.store_name);
      f.Read("defaultAccess", scope.default_access);
      f.Read("allowedSecrets", scope.allowed_secrets);
      f.Read("deniedSecrets", scope.denied_secrets);
    });
  });
  spec.Child("accessControl", [&](Fields& f) { ReadAccessControl(f, out.access_control); });
  spec.Child("nameResolution", [&](Fields& f) {
    f.Read("component", out.name_resolution.component);
    f.Read("version", out.name_resolution.version);
    Dynamic configuration;
    f.Read("configuration", configuration);
    if (!configuration.json.empty()) out.name_resolution.configuration_json = configuration.json;
  });
  ReadList(spec, "features", out.features, [](Fields& f, Feature& feature) {
    f.Read("name", feature.name);
    f.Read("enabled", feature.enabled);
  });
  spec.Child("api", [&](Fields& f) {
    ReadApiRules(f, "allowed", out.api_allowed);
    ReadApiRules(f, "denied", out.api_denied);
  });
  spec.Child("components", [&](Fields& f) { f.Read("deny", out.denied_components); });
  spec.Child("logging", [&](Fields& l) {
    l.Child("apiLogging", [&](Fields& f) {
      f.Read("enabled", out.api_logging.enabled);
      f.Read("obfuscateURLs", out.api_logging.obfuscate_urls);
      f.Read("omitHealthChecks", out.api_logging.omit_health_checks);
    });
  });
  spec.Child("wasm", [&](Fields& f) { f.Read("strictSandbox", out.wasm_strict_sandbox); });
  spec.Child("workflow", [&](Fields& f) { ReadWorkflow(f, out.workflow); });
}

}  // namespace

base::Status MergeConfiguration(const Document& document, Configuration& out) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Fields root = reader.Root();
  ReadObjectMeta(root, out.meta);
  root.Child("spec", [&](Fields& spec) { ReadSpec(spec, out); });
  return reader.status();
}

}  // namespace config
