// The Resiliency resource as written. What the texts mean, and the built-in policies, is
// resiliency/'s business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"

namespace config {

struct RetryMatching {
  std::string http_status_codes;
  std::string grpc_status_codes;
  bool operator==(const RetryMatching&) const = default;
};
struct RetryPolicySpec {
  std::string policy;
  std::string duration;
  std::string max_interval;
  std::optional<int64_t> max_retries;
  std::optional<RetryMatching> matching;
  bool operator==(const RetryPolicySpec&) const = default;
};
struct CircuitBreakerSpec {
  int64_t max_requests = 0;
  std::string interval;
  std::string timeout;
  std::string trip;
  bool operator==(const CircuitBreakerSpec&) const = default;
};
struct PolicyNames {
  std::string timeout;
  std::string retry;
  std::string circuit_breaker;
  bool operator==(const PolicyNames&) const = default;
};
struct EndpointPolicyNames : PolicyNames {
  int64_t circuit_breaker_cache_size = 0;
  bool operator==(const EndpointPolicyNames&) const = default;
};
struct ActorPolicyNames : PolicyNames {
  std::string circuit_breaker_scope;
  int64_t circuit_breaker_cache_size = 0;
  bool operator==(const ActorPolicyNames&) const = default;
};
struct ComponentPolicyNames {
  PolicyNames inbound;
  PolicyNames outbound;
  bool operator==(const ComponentPolicyNames&) const = default;
};

struct Resiliency {
  ObjectMeta meta;
  std::map<std::string, std::string> timeouts;
  std::map<std::string, RetryPolicySpec> retries;
  std::map<std::string, CircuitBreakerSpec> circuit_breakers;
  std::map<std::string, EndpointPolicyNames> apps;
  std::map<std::string, ActorPolicyNames> actors;
  std::map<std::string, ComponentPolicyNames> components;
  std::vector<std::string> scopes;
  Source source;

  std::string LogName() const { return meta.name; }
};

/// Reads a document that is a Resiliency. Errors name file, line and field.
base::Result<Resiliency> ParseResiliency(const Document& document);

void ReadResiliency(Fields& root, Resiliency& out);

}  // namespace config
