#include "config/resiliency.hpp"

#include "config/yaml_fields.hpp"

namespace config {
namespace {

void ReadNames(Fields& f, PolicyNames& out) {
  f.Read("timeout", out.timeout);
  f.Read("retry", out.retry);
  f.Read("circuitBreaker", out.circuit_breaker);
}

void ReadPolicies(Fields& f, Resiliency& out) {
  f.Read("timeouts", out.timeouts);
  f.EachKey("retries", [&](const std::string& name, Fields& r) {
    RetryPolicySpec& retry = out.retries[name];
    r.Read("policy", retry.policy);
    r.Read("duration", retry.duration);
    r.Read("maxInterval", retry.max_interval);
    r.Read("maxRetries", retry.max_retries);
    r.Child("matching", [&](Fields& m) {
      retry.matching.emplace();
      m.Read("httpStatusCodes", retry.matching->http_status_codes);
      m.Read("gRPCStatusCodes", retry.matching->grpc_status_codes);
    });
  });
  f.EachKey("circuitBreakers", [&](const std::string& name, Fields& c) {
    CircuitBreakerSpec& breaker = out.circuit_breakers[name];
    c.Read("maxRequests", breaker.max_requests);
    c.Read("interval", breaker.interval);
    c.Read("timeout", breaker.timeout);
    c.Read("trip", breaker.trip);
  });
}

void ReadTargets(Fields& f, Resiliency& out) {
  f.EachKey("apps", [&](const std::string& name, Fields& a) {
    EndpointPolicyNames& names = out.apps[name];
    ReadNames(a, names);
    a.Read("circuitBreakerCacheSize", names.circuit_breaker_cache_size);
  });
  f.EachKey("actors", [&](const std::string& name, Fields& a) {
    ActorPolicyNames& names = out.actors[name];
    ReadNames(a, names);
    a.Read("circuitBreakerScope", names.circuit_breaker_scope);
    a.Read("circuitBreakerCacheSize", names.circuit_breaker_cache_size);
  });
  f.EachKey("components", [&](const std::string& name, Fields& c) {
    ComponentPolicyNames& names = out.components[name];
    c.Child("inbound", [&](Fields& n) { ReadNames(n, names.inbound); });
    c.Child("outbound", [&](Fields& n) { ReadNames(n, names.outbound); });
  });
}

}  // namespace

void ReadResiliency(Fields& root, Resiliency& out) {
  out.source = root.source();
  ReadObjectMeta(root, out.meta);
  root.Child("spec", [&](Fields& f) {
    f.Child("policies", [&](Fields& p) { ReadPolicies(p, out); });
    f.Child("targets", [&](Fields& t) { ReadTargets(t, out); });
  });
  root.Read("scopes", out.scopes);
}

base::Result<Resiliency> ParseResiliency(const Document& document) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Resiliency out;
  Fields root = reader.Root();
  ReadResiliency(root, out);
  RETURN_IF_ERROR(reader.status());
  return out;
}

}  // namespace config
