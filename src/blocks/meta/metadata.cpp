#include "blocks/meta/metadata.hpp"

#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace blocks::meta {
namespace {

// Writes objects and arrays with their commas; members with empty values are left out by the
// callers that say so.
class Writer {
 public:
  void Open(char bracket) {
    Comma();
    out_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void Key(std::string_view key) {
    Comma();
    base::AppendJsonString(out_, key);
    out_ += ':';
    first_ = true;
  }
  void String(std::string_view value) {
    Comma();
    base::AppendJsonString(out_, value);
  }
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    String(value);
  }
  void TextIfSet(std::string_view key, std::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  void Number(std::string_view key, int64_t value) {
    Key(key);
    base::StrAppend(out_, value);
    first_ = false;
  }
  void NumberIfSet(std::string_view key, int64_t value) {
    if (value != 0) Number(key, value);
  }
  void Bool(std::string_view key, bool value) {
    Key(key);
    out_ += value ? "true" : "false";
    first_ = false;
  }
  void Strings(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    Key(key);
    Open('[');
    for (const std::string& value : values) String(value);
    Close(']');
  }
  void Names(std::string_view key, const std::vector<std::string>& names) {
    if (names.empty()) return;
    Key(key);
    Open('[');
    for (const std::string& name : names) {
      Open('{');
      TextIfSet("name", name);
      Close('}');
    }
    Close(']');
  }
  void Map(std::string_view key, const std::map<std::string, std::string>& map) {
    if (map.empty()) return;
    Key(key);
    Open('{');
    for (const auto& [name, value] : map) Text(name, value);
    Close('}');
  }
  std::string Take() { return std::move(out_); }

 private:
  void Comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

void WriteActors(Writer& out, std::string_view key, const std::vector<ActiveActors>& actors) {
  if (actors.empty()) return;
  out.Key(key);
  out.Open('[');
  for (const ActiveActors& actor : actors) {
    out.Open('{');
    out.Text("type", actor.type);
    out.NumberIfSet("count", actor.count);
    out.Close('}');
  }
  out.Close(']');
}

void WriteComponents(Writer& out, const std::vector<ComponentInfo>& components) {
  if (components.empty()) return;
  out.Key("components");
  out.Open('[');
  for (const ComponentInfo& component : components) {
    out.Open('{');
    out.TextIfSet("name", component.name);
    out.TextIfSet("type", component.type);
    out.TextIfSet("version", component.version);
    out.Strings("capabilities", component.capabilities);
    out.Close('}');
  }
  out.Close(']');
}

void WriteSubscriptions(Writer& out, const std::vector<Subscription>& subscriptions) {
  if (subscriptions.empty()) return;
  out.Key("subscriptions");
  out.Open('[');
  for (const Subscription& subscription : subscriptions) {
    out.Open('{');
    out.Text("pubsubname", subscription.pubsub_name);
    out.Text("topic", subscription.topic);
    out.Map("metadata", subscription.metadata);
    if (!subscription.rules.empty()) {
      out.Key("rules");
      out.Open('[');
      for (const SubscriptionRule& rule : subscription.rules) {
        out.Open('{');
        out.TextIfSet("match", rule.match);
        out.TextIfSet("path", rule.path);
        out.Close('}');
      }
      out.Close(']');
    }
    out.Text("deadLetterTopic", subscription.dead_letter_topic);
    out.Text("type", SubscriptionTypeName(subscription.type));
    out.Close('}');
  }
  out.Close(']');
}

void WriteAppConnection(Writer& out, const AppConnection& app) {
  out.Key("appConnectionProperties");
  out.Open('{');
  out.NumberIfSet("port", app.port);
  out.TextIfSet("protocol", app.protocol);
  out.TextIfSet("channelAddress", app.channel_address);
  out.NumberIfSet("maxConcurrency", app.max_concurrency);
  if (app.health) {
    out.Key("health");
    out.Open('{');
    out.TextIfSet("healthCheckPath", app.health->path);
    out.TextIfSet("healthProbeInterval", app.health->interval);
    out.TextIfSet("healthProbeTimeout", app.health->timeout);
    out.NumberIfSet("healthThreshold", app.health->threshold);
    out.Close('}');
  }
  out.Close('}');
}

void WriteActorRuntime(Writer& out, const ActorRuntime& runtime) {
  out.Key("actorRuntime");
  out.Open('{');
  out.Text("runtimeStatus", ActorRuntimeStatusName(runtime.status));
  WriteActors(out, "activeActors", runtime.active);
  out.Bool("hostReady", runtime.host_ready);
  out.TextIfSet("placement", runtime.placement);
  out.Close('}');
}

}  // namespace

std::string_view SubscriptionTypeName(SubscriptionType type) {
  switch (type) {
    case SubscriptionType::kDeclarative:
      return "DECLARATIVE";
    case SubscriptionType::kProgrammatic:
      return "PROGRAMMATIC";
    case SubscriptionType::kStreaming:
      return "STREAMING";
    case SubscriptionType::kUnknown:
      break;
  }
  return "UNKNOWN";
}

std::string_view ActorRuntimeStatusName(ActorRuntimeStatus status) {
  switch (status) {
    case ActorRuntimeStatus::kInitializing:
      return "INITIALIZING";
    case ActorRuntimeStatus::kRunning:
      return "RUNNING";
    case ActorRuntimeStatus::kDisabled:
      break;
  }
  return "DISABLED";
}

std::string MetadataJson(const Metadata& metadata) {
  Writer out;
  out.Open('{');
  out.TextIfSet("id", metadata.id);
  out.TextIfSet("runtimeVersion", metadata.runtime_version);
  out.Strings("enabledFeatures", metadata.enabled_features);
  WriteActors(out, "actors", metadata.actor_runtime.active);
  WriteComponents(out, metadata.components);
  out.Map("extended", metadata.extended);
  WriteSubscriptions(out, metadata.subscriptions);
  out.Names("httpEndpoints", metadata.http_endpoints);
  WriteAppConnection(out, metadata.app_connection);
  WriteActorRuntime(out, metadata.actor_runtime);
  if (metadata.scheduler_addresses) {
    out.Key("scheduler");
    out.Open('{');
    out.Strings("connected_addresses", *metadata.scheduler_addresses);
    out.Close('}');
  }
  if (metadata.workflow_workers != 0) {
    out.Key("workflows");
    out.Open('{');
    out.Number("connectedWorkers", metadata.workflow_workers);
    out.Close('}');
  }
  out.Names("mcpServers", metadata.mcp_servers);
  out.Names("workflowAccessPolicies", metadata.workflow_access_policies);
  out.Names("resiliencies", metadata.resiliencies);
  out.Close('}');
  return out.Take() + '\n';
}

}  // namespace blocks::meta
