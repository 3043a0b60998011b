#include <google/protobuf/empty.pb.h>

#include "api/grpc/method.hpp"
#include "base/strings.hpp"
#include "blocks/meta/metadata_block.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "dapr/proto/runtime/v1/metadata.pb.h"

namespace api {
namespace {

namespace meta = blocks::meta;
namespace runtime = dapr::proto::runtime::v1;
using google::protobuf::Empty;

void FillApp(const meta::AppConnection& app, runtime::AppConnectionProperties& out) {
  out.set_port(app.port);
  out.set_protocol(app.protocol);
  out.set_channel_address(app.channel_address);
  out.set_max_concurrency(app.max_concurrency);
  if (!app.health) return;
  out.mutable_health()->set_health_check_path(app.health->path);
  out.mutable_health()->set_health_probe_interval(app.health->interval);
  out.mutable_health()->set_health_probe_timeout(app.health->timeout);
  out.mutable_health()->set_health_threshold(app.health->threshold);
}

void FillActors(const meta::ActorRuntime& actors, runtime::GetMetadataResponse& out) {
  runtime::ActorRuntime& to = *out.mutable_actor_runtime();
  switch (actors.status) {
    case meta::ActorRuntimeStatus::kInitializing:
      to.set_runtime_status(runtime::ActorRuntime::INITIALIZING);
      break;
    case meta::ActorRuntimeStatus::kDisabled:
      to.set_runtime_status(runtime::ActorRuntime::DISABLED);
      break;
    case meta::ActorRuntimeStatus::kRunning:
      to.set_runtime_status(runtime::ActorRuntime::RUNNING);
      break;
  }
  to.set_host_ready(actors.host_ready);
  to.set_placement(actors.placement);
  for (const meta::ActiveActors& active : actors.active) {
    runtime::ActiveActorsCount& added = *to.add_active_actors();
    added.set_type(active.type);
    added.set_count(active.count);
    // Older SDKs read the list under its old name.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
    *out.add_active_actors_count() = added;
#pragma clang diagnostic pop
  }
}

void FillSubscription(const meta::Subscription& from, runtime::PubsubSubscription& out) {
  out.set_pubsub_name(from.pubsub_name);
  out.set_topic(from.topic);
  for (const auto& [key, value] : from.metadata) (*out.mutable_metadata())[key] = value;
  for (const meta::SubscriptionRule& rule : from.rules) {
    auto& added = *out.mutable_rules()->add_rules();
    added.set_match(rule.match);
    added.set_path(rule.path);
  }
  out.set_dead_letter_topic(from.dead_letter_topic);
  // The two enumerations have the same numbers.
  out.set_type(static_cast<runtime::PubsubSubscriptionType>(from.type));
}

async::Task<Reply<runtime::GetMetadataResponse>> GetMetadata(GrpcCall& call,
                                                             const runtime::GetMetadataRequest&) {
  const meta::Metadata from = call.app().metadata->Get();
  runtime::GetMetadataResponse out;
  out.set_id(from.id);
  out.set_runtime_version(from.runtime_version);
  for (const std::string& feature : from.enabled_features) out.add_enabled_features(feature);
  for (const meta::ComponentInfo& component : from.components) {
    runtime::RegisteredComponents& added = *out.add_registered_components();
    added.set_name(component.name);
    added.set_type(component.type);
    added.set_version(component.version);
    for (const std::string& capability : component.capabilities) {
      added.add_capabilities(capability);
    }
  }
  for (const auto& [key, value] : from.extended) (*out.mutable_extended_metadata())[key] = value;
  for (const meta::Subscription& subscription : from.subscriptions) {
    FillSubscription(subscription, *out.add_subscriptions());
  }
  for (const std::string& name : from.http_endpoints) out.add_http_endpoints()->set_name(name);
  FillApp(from.app_connection, *out.mutable_app_connection_properties());
  FillActors(from.actor_runtime, out);
  if (from.scheduler_addresses) {
    for (const std::string& address : *from.scheduler_addresses) {
      out.mutable_scheduler()->add_connected_addresses(address);
    }
  }
  if (from.workflow_workers != 0) {
    out.mutable_workflows()->set_connected_workers(from.workflow_workers);
  }
  for (const std::string& name : from.mcp_servers) out.add_mcp_servers()->set_name(name);
  for (const std::string& name : from.workflow_access_policies) {
    out.add_workflow_access_policies()->set_name(name);
  }
  for (const std::string& name : from.resiliencies) out.add_resiliencies()->set_name(name);
  co_return out;
}

async::Task<Reply<Empty>> SetMetadata(GrpcCall& call, const runtime::SetMetadataRequest& request) {
  auto status = call.app().metadata->Set(request.key(), request.value());
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return Empty();
}

async::Task<Reply<Empty>> Shutdown(GrpcCall& call, const runtime::ShutdownRequest&) {
  if (auto may = call.app().metadata->MayShutdown(); !may) {
    co_return std::unexpected(std::move(may).error());
  }
  call.app().metadata->Shutdown(
      base::ParseBoolTruthy(call.server().metadata().Get("dapr-force-shutdown").value_or("")));
  co_return Empty();
}

}  // namespace

void AddMetadataMethods(const Registrar& registrar) {
  const AppContext& app = registrar.app;
  registrar.Add(
      "GetMetadata",
      UnaryMethod<runtime::GetMetadataRequest, runtime::GetMetadataResponse, GetMetadata>(app));
  registrar.Add("SetMetadata", UnaryMethod<runtime::SetMetadataRequest, Empty, SetMetadata>(app));
  registrar.Add("Shutdown", UnaryMethod<runtime::ShutdownRequest, Empty, Shutdown>(app));
}

}  // namespace api
