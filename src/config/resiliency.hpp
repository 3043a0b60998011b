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
};
struct RetryPolicySpec {
  std::string policy;
  std::string duration;
  std::string max_interval;
  std::optional<int64_t> max_retries;
  std::optional<RetryMatching> matching;
};
struct CircuitBreakerSpec {
  int64_t max_requests = 0;
  std::string interval;
  std::string timeout;
  std::string trip;
};
struct PolicyNames {
  std::string timeout;
  std::string retry;
  std::string circuit_breaker;
};
struct EndpointPolicyNames : PolicyNames {
  int64_t circuit_breaker_cache_size = 0;
};
struct ActorPolicyNames : PolicyNames {
  std::string circuit_breaker_scope;
  int64_t circuit_breaker_cache_size = 0;
};
struct ComponentPolicyNames {
  PolicyNames inbound;
  PolicyNames outbound;
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
