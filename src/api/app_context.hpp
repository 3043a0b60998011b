// AppContext: all that the APIs of one app-id need, put together by runtime/ and owned by the
// Instance. Immutable after start-up but for what the blocks change inside themselves; read on all
// loops.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace blocks::state {
class StateBlock;
}
namespace blocks::pubsub {
class PublishBlock;
class SubscriptionManager;
}  // namespace blocks::pubsub
namespace blocks::secrets {
class SecretsBlock;
}
namespace blocks::invoke {
class InvokeBlock;
class Callee;
class GrpcProxy;
}  // namespace blocks::invoke
namespace blocks::meta {
class MetadataBlock;
}
namespace telemetry {
class InstanceMetrics;
class Log;
class Tracer;
}  // namespace telemetry

namespace api {

/// spec.api.allowed / denied of the Configuration (facts: HTTP, request pipeline).
struct ApiRule {
  std::string name;
  std::string version;
  std::string protocol;  // "http" or "grpc"
};

struct AppContext {
  std::string app_id;
  std::string app_namespace;

  blocks::state::StateBlock* state = nullptr;
  blocks::secrets::SecretsBlock* secrets = nullptr;
  blocks::pubsub::PublishBlock* publish = nullptr;
  blocks::pubsub::SubscriptionManager* subscriptions = nullptr;
  blocks::invoke::InvokeBlock* invoke = nullptr;
  blocks::invoke::Callee* callee = nullptr;  // the side that peers call
  blocks::meta::MetadataBlock* metadata = nullptr;
  telemetry::InstanceMetrics* metrics = nullptr;
  const telemetry::Log* http_log = nullptr;  // null: API logging is off
  const telemetry::Log* grpc_log = nullptr;
  const telemetry::Tracer* tracer = nullptr;

  /// Tokens a client may present; empty: none is asked for. Never logged.
  std::vector<std::string> api_tokens;
  std::vector<ApiRule> allowed;
  std::vector<ApiRule> denied;
  /// --allowed-origins; empty: CORS is off.
  std::vector<std::string> cors_origins;
  std::size_t max_body_bytes = 4 * 1024 * 1024;
  std::size_t max_header_bytes = 4 * 1024;
  bool log_obfuscate_urls = false;
  bool log_omit_health_checks = false;
};

}  // namespace api
