// spec.accessControl of a Configuration: who may invoke what at an app. One object per app, asked
// at the callee before the app is.
//
// The rules are Dapr's, with their quirks, as
// https://docs.dapr.io/operations/configuration/invoke-allowlist/ describes them; what that page
// leaves open is told beside the code. Compiled once, then immutable; any thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "blocks/invoke/access.hpp"
#include "blocks/invoke/operation_tree.hpp"
#include "config/configuration.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace blocks::invoke {

/// The parts of "spiffe://<trust domain>/ns/<namespace>/<app-id>"; views of it.
struct SpiffeId {
  std::string_view trust_domain;
  std::string_view app_namespace;
  std::string_view app_id;
};
/// kPermissionDenied "malformed SPIFFE ID: …" on anything else. Segments may follow the app-id.
base::Result<SpiffeId> ParseSpiffeId(std::string_view id);
std::string FormatSpiffeId(const SpiffeId& id);

class AccessControl final : public AccessPolicy {
 public:
  /// `http`: the app speaks HTTP, so the case of operations does not matter. `metrics` may be null,
  /// else it outlives this object. Null when the Configuration says nothing about access.
  static std::shared_ptr<const AccessControl> Compile(const config::AccessControl& spec, bool http,
                                                      telemetry::InstanceMetrics* metrics,
                                                      const telemetry::Log& log);

  base::Status Check(const CallerIdentity& caller, const Operation& operation) const override;

  /// What is decided, and whether a policy for the caller decided it rather than the default for
  /// all.
  struct Verdict {
    bool allowed = false;
    bool by_policy = false;
  };
  /// `caller` null: it has no identity.
  Verdict Decide(const SpiffeId* caller, const Operation& operation) const;

 private:
  struct Rule {
    bool allow = false;
    std::vector<std::string> verbs;  // as written; "*" is all
  };
  struct Policy {
    std::string trust_domain;
    std::string default_action;
    OperationTree operations;
    std::vector<Rule> rules;
  };
  AccessControl(const config::AccessControl& spec, bool http, telemetry::InstanceMetrics* metrics,
                const telemetry::Log& log);

  const bool http_;
  const bool allow_by_default_;
  std::unordered_map<std::string, Policy> policies_;  // by "<app-id>||<namespace>"
  telemetry::InstanceMetrics* const metrics_;
  const telemetry::Log log_;
};

}  // namespace blocks::invoke
