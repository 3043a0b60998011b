// Policies: all Resiliency resources of an Instance, merged. Made at start and at each reload, then
// immutable; whoever runs an operation keeps it alive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/resiliency.hpp"
#include "resiliency/policy.hpp"

namespace resiliency {

enum class ComponentKind : uint8_t {
  kBinding,
  kConfiguration,
  kCrypto,
  kLock,
  kPubsub,
  kSecretstore,
  kStatestore
};
enum class Direction : uint8_t { kInbound, kOutbound };

struct Context {
  telemetry::InstanceMetrics* metrics = nullptr;  // may be null; outlives the Policies
  telemetry::Log log{"dapr.resiliency"};
  int loops = 1;
};

inline constexpr std::string_view kServiceRetries = "DaprBuiltInServiceRetries";

class Policies {
 public:
  /// Merges the resources in their order: what has the same name is overridden. A resource with a
  /// mistake is logged and left out whole. Null when none is left.
  static std::shared_ptr<const Policies> Make(const std::vector<config::Resiliency>& resources,
                                              const Context& context);
  /// Whether Make can use the resource; the error names the field.
  static base::Status Check(const config::Resiliency& resource);

  /// The policy for calls of an app, an HTTPEndpoint or a URL; null if there is none. For apps that
  /// no resource names this is a default policy, if one is defined.
  const Policy* App(std::string_view app_id) const;
  /// Whether a resource names the app: then the built-in retries are not made.
  bool NamesApp(std::string_view app_id) const { return apps_.contains(app_id); }
  /// The policy of a component; null if there is none. Made for whoever asks, with a breaker of its
  /// own: ask once.
  std::shared_ptr<const Policy> Component(std::string_view name, ComponentKind kind,
                                          Direction direction) const;
  /// The retry policy that a resource has put in place of the built-in one; null if none has.
  const RetryPolicy* Redefined(std::string_view name) const;

  /// Names of the resources in use, in their order.
  const std::vector<std::string>& names() const { return names_; }

 private:
  explicit Policies(const Context& context) : context_(context) {}
  void Add(const config::Resiliency& resource);
  void MakeAppPolicies();
  void Fill(const config::PolicyNames& names, std::string_view target, Direction direction,
            Policy& out) const;
  std::shared_ptr<const BreakerSpec> FindBreaker(const std::string& name) const;
  config::PolicyNames Defaults(const std::vector<std::string>& levels) const;

  const Context context_;
  std::vector<std::string> names_;
  std::map<std::string, async::Duration> timeouts_;
  std::map<std::string, std::shared_ptr<const RetryPolicy>, std::less<>> retries_;
  std::map<std::string, std::shared_ptr<const BreakerSpec>> breakers_;
  std::map<std::string, config::EndpointPolicyNames> app_names_;
  std::map<std::string, config::ComponentPolicyNames, std::less<>> component_names_;
  std::map<std::string, Policy, std::less<>> apps_;
  Policy default_app_;
};

/// The policies every runtime has without any resource.
const RetryPolicy& BuiltInRetries(std::string_view name);

}  // namespace resiliency
