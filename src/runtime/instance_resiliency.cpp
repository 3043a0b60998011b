// Instance: the policies of its Resiliency resources, and the components under them.
#include "base/strings.hpp"
#include "resiliency/guarded.hpp"
#include "runtime/instance_parts.hpp"
#include "runtime/resource_diff.hpp"

namespace runtime {
namespace {

using resiliency::ComponentKind;
using resiliency::Direction;

ComponentKind KindOf(const blocks::state::NamedStore&) {
  return ComponentKind::kStatestore;
}
ComponentKind KindOf(const blocks::secrets::NamedStore&) {
  return ComponentKind::kSecretstore;
}
ComponentKind KindOf(const blocks::pubsub::NamedPubSub&) {
  return ComponentKind::kPubsub;
}

}  // namespace

// What has not changed stays as it is: an unrelated reload closes no circuit breaker. A resource
// with a mistake leaves its policies as they were.
void Instance::UseResiliency(const std::vector<config::Resiliency>& resources) {
  Parts& parts = *parts_;
  if (DiffByName(wanted_resiliencies_, resources).empty()) return;
  wanted_resiliencies_ = resources;
  std::vector<config::Resiliency> next = resources;
  for (config::Resiliency& resource : next) {
    const base::Status usable = resiliency::Policies::Check(resource);
    if (usable) continue;
    for (const config::Resiliency& before : resiliencies_) {
      if (before.meta.name != resource.meta.name || !resiliency::Policies::Check(before)) continue;
      log_.Error(base::StrCat("Resiliency ", resource.meta.name, " (", resource.source.ToString(),
                              ") goes on as it was: ", usable.error().message));
      resource = before;
      break;
    }
  }
  if (DiffByName(resiliencies_, next).empty()) return;
  resiliencies_ = std::move(next);
  parts.policies = resiliency::Policies::Make(
      resiliencies_,
      {.metrics = parts.metrics.get(), .log = log_, .loops = services_.loops.size()});
  parts.outbound.clear();
  for (auto& [name, inbound] : parts.inbound) {
    inbound->Set(parts.policies
                     ? parts.policies->Component(name, ComponentKind::kPubsub, Direction::kInbound)
                     : nullptr);
  }
  if (parts.invoke) parts.invoke->SetPolicies(parts.policies);
}

template <class T>
std::vector<T> Instance::UnderPolicies(const std::vector<T>& components) {
  Parts& parts = *parts_;
  std::vector<T> out = components;
  for (T& component : out) {
    constexpr bool kBroker = std::is_same_v<T, blocks::pubsub::NamedPubSub>;
    const ComponentKind kind = KindOf(component);
    if constexpr (kBroker) {
      auto& inbound = parts.inbound[component.name];
      if (!inbound) {
        inbound = std::make_unique<blocks::pubsub::InboundPolicy>();
        if (parts.policies) {
          inbound->Set(parts.policies->Component(component.name, kind, Direction::kInbound));
        }
      }
      component.inbound = inbound.get();
    }
    if (!parts.policies) continue;
    const std::string key = base::StrCat(static_cast<int>(kind), " ", component.name);
    auto known = parts.outbound.find(key);
    if (known == parts.outbound.end()) {
      known =
          parts.outbound
              .emplace(key, parts.policies->Component(component.name, kind, Direction::kOutbound))
              .first;
    }
    if (!known->second) continue;
    if constexpr (kBroker) {
      component.publisher = resiliency::Guard(component.pubsub, known->second);
    } else {
      component.store = resiliency::Guard(component.store, known->second);
    }
  }
  return out;
}

template std::vector<blocks::state::NamedStore> Instance::UnderPolicies(
    const std::vector<blocks::state::NamedStore>&);
template std::vector<blocks::secrets::NamedStore> Instance::UnderPolicies(
    const std::vector<blocks::secrets::NamedStore>&);
template std::vector<blocks::pubsub::NamedPubSub> Instance::UnderPolicies(
    const std::vector<blocks::pubsub::NamedPubSub>&);

}  // namespace runtime
