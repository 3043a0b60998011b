// What the metadata API says about one app's runtime, as plain values. json.hpp and api/grpc render
// it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blocks::meta {

struct ComponentInfo {
  std::string name;
  std::string type;
  std::string version;
  std::vector<std::string> capabilities;
};

struct SubscriptionRule {
  std::string match;
  std::string path;
};
enum class SubscriptionType : uint8_t { kUnknown, kDeclarative, kProgrammatic, kStreaming };
struct Subscription {
  std::string pubsub_name;
  std::string topic;
  std::map<std::string, std::string> metadata;
  std::vector<SubscriptionRule> rules;
  std::string dead_letter_topic;
  SubscriptionType type = SubscriptionType::kUnknown;
};

struct AppHealthProperties {
  std::string path;      // HTTP apps only
  std::string interval;  // "5s"
  std::string timeout;   // "500ms"
  int32_t threshold = 0;
};
struct AppConnection {
  int32_t port = 0;
  std::string protocol;
  std::string channel_address;
  int32_t max_concurrency = 0;
  std::optional<AppHealthProperties> health;
};

struct ActiveActors {
  std::string type;
  int32_t count = 0;
};
enum class ActorRuntimeStatus : uint8_t { kInitializing, kDisabled, kRunning };
struct ActorRuntime {
  ActorRuntimeStatus status = ActorRuntimeStatus::kDisabled;
  std::vector<ActiveActors> active;
  bool host_ready = false;
  std::string placement;
};

struct Metadata {
  std::string id;
  std::string runtime_version;
  std::vector<std::string> enabled_features;
  std::vector<ComponentInfo> components;
  std::map<std::string, std::string> extended;
  std::vector<Subscription> subscriptions;
  std::vector<std::string> http_endpoints;
  AppConnection app_connection;
  ActorRuntime actor_runtime;
  std::optional<std::vector<std::string>> scheduler_addresses;
  int32_t workflow_workers = 0;
  std::vector<std::string> mcp_servers;
  std::vector<std::string> workflow_access_policies;
  std::vector<std::string> resiliencies;
};

/// "DECLARATIVE"; "UNKNOWN".
std::string_view SubscriptionTypeName(SubscriptionType type);
/// "INITIALIZING", "DISABLED", "RUNNING".
std::string_view ActorRuntimeStatusName(ActorRuntimeStatus status);

/// The body of GET /v1.0/metadata: what is unset is left out; ends with a newline.
std::string MetadataJson(const Metadata& metadata);

}  // namespace blocks::meta
