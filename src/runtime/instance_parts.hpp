// What an Instance is made of. Private to runtime/instance*.cpp.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/app_context.hpp"
#include "api/grpc/api.hpp"
#include "api/http/api.hpp"
#include "api/http/public_api.hpp"
#include "blocks/invoke/callee.hpp"
#include "blocks/invoke/grpc_proxy.hpp"
#include "blocks/invoke/internal_service.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "blocks/meta/metadata_block.hpp"
#include "blocks/outbox/outbox.hpp"
#include "blocks/pubsub/discovery_cache.hpp"
#include "blocks/pubsub/inbound_policy.hpp"
#include "blocks/pubsub/publish.hpp"
#include "blocks/pubsub/subscription_manager.hpp"
#include "blocks/secrets/secrets_block.hpp"
#include "blocks/state/state_block.hpp"
#include "grpc/server.hpp"
#include "resiliency/policies.hpp"
#include "runtime/component_loader.hpp"
#include "runtime/control_links.hpp"
#include "runtime/instance.hpp"
#include "runtime/waiting_work.hpp"
#include "telemetry/trace.hpp"

namespace runtime {

// What a reload replaces. Immutable once it is on the loops; requests keep the one they began with.
struct Instance::Generation {
  ComponentSet components;
  std::shared_ptr<blocks::pubsub::PublishBlock> publish;
  std::unique_ptr<blocks::outbox::Outbox> outbox;
  std::unique_ptr<blocks::state::StateBlock> state;
  std::unique_ptr<blocks::secrets::SecretsBlock> secrets;
  std::vector<std::string> features;
};

// The APIs of a generation. Calls that outlast their need of components let go of the generation
// and keep this alone.
struct Instance::Apis {
  api::AppContext context;
  std::unique_ptr<api::HttpApi> http;
  std::unique_ptr<api::PublicApi> public_api;
  std::unique_ptr<api::GrpcApi> grpc;
};

// Replaced between turns of its loop. The pointers' counters are this loop's alone.
struct Instance::Here {
  std::shared_ptr<const Generation> generation;
  std::shared_ptr<Apis> apis;
};

// In the order in which they are made; the reverse is the order in which they go.
struct Instance::Parts {
  Retirement retirement;
  std::unique_ptr<telemetry::InstanceMetrics> metrics;
  telemetry::Tracer tracer;
  telemetry::Log http_log{"dapr.runtime.http-info"};
  telemetry::Log grpc_log{"dapr.runtime.grpc.api-info"};
  std::shared_ptr<Generation> generation;                // home loop
  std::vector<Here> here;                                // one a loop
  std::shared_ptr<const resiliency::Policies> policies;  // home loop; null: no resource has any
  // Of components, by kind and name; they stay, with their breakers' state, until resources change.
  std::map<std::string, std::shared_ptr<const resiliency::Policy>> outbound;
  std::map<std::string, std::unique_ptr<blocks::pubsub::InboundPolicy>> inbound;  // by broker
  std::unique_ptr<target::Target> target;
  std::shared_ptr<blocks::pubsub::SubscriptionManager> subscriptions;
  std::unique_ptr<WaitingWork> waiting;
  std::unique_ptr<ControlLinks> links;  // null: neither placement nor a scheduler
  blocks::pubsub::DiscoveryCache discovery;
  std::shared_ptr<blocks::invoke::Callee> callee;
  std::unique_ptr<blocks::invoke::InvokeBlock> invoke;
  std::unique_ptr<blocks::invoke::GrpcProxy> api_proxy;
  std::unique_ptr<blocks::invoke::GrpcProxy> internal_proxy;
  std::unique_ptr<blocks::invoke::InternalService> internal_service;
  std::unique_ptr<grpc::Service> internal_api;
  std::unique_ptr<blocks::meta::MetadataBlock> metadata;
};

}  // namespace runtime
