#include "blocks/invoke/access_control.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace blocks::invoke {
namespace {

constexpr std::string_view kScheme = "spiffe://";

// Any other word, also a misspelt one, keeps callers out.
bool IsAllow(std::string_view action) {
  return base::EqualsIgnoreCase(action, "allow");
}

std::string Key(std::string_view app_id, std::string_view app_namespace) {
  return base::StrCat(app_id, "||", app_namespace);
}

std::string WithSlash(std::string_view path) {
  return path.starts_with('/') ? std::string(path) : base::StrCat("/", path);
}

bool DefaultAllows(const config::AccessControl& spec) {
  // Policies without a default for the rest say whom to let in.
  if (!spec.default_given && !spec.policies.empty()) return false;
  if (spec.default_action.empty()) return spec.policies.empty();
  return IsAllow(spec.default_action);
}

}  // namespace

base::Result<SpiffeId> ParseSpiffeId(std::string_view id) {
  const auto malformed = [&] {
    return base::Fail(base::Kind::kPermissionDenied, base::StrCat("malformed SPIFFE ID: ", id));
  };
  if (!base::StartsWithIgnoreCase(id, kScheme)) return malformed();
  const auto parts = base::SplitView(id.substr(kScheme.size()), '/');
  if (parts.size() < 4 || parts[0].empty() || parts[1] != "ns" || parts[2].empty() ||
      parts[3].empty()) {
    return malformed();
  }
  return SpiffeId{parts[0], parts[2], parts[3]};
}

std::string FormatSpiffeId(const SpiffeId& id) {
  return base::StrCat(kScheme, id.trust_domain, "/ns/", id.app_namespace, "/", id.app_id);
}

std::shared_ptr<const AccessControl> AccessControl::Compile(const config::AccessControl& spec,
                                                            bool http,
                                                            telemetry::InstanceMetrics* metrics,
                                                            const telemetry::Log& log) {
  const bool silent = spec.source.empty() && spec.policies.empty() && DefaultAllows(spec);
  if (silent) return nullptr;
  return std::shared_ptr<const AccessControl>(new AccessControl(spec, http, metrics, log));
}

AccessControl::AccessControl(const config::AccessControl& spec, bool http,
                             telemetry::InstanceMetrics* metrics, const telemetry::Log& log)
    : http_(http), allow_by_default_(DefaultAllows(spec)), metrics_(metrics), log_(log) {
  for (const config::AppPolicy& written : spec.policies) {
    // Of two policies for one caller the later one counts.
    Policy& policy = policies_[Key(written.app_id, written.namespace_name)];
    policy = Policy();
    policy.trust_domain = written.trust_domain;
    policy.default_action = written.default_action;
    for (const config::AppOperation& operation : written.operations) {
      const std::string path = WithSlash(operation.name);
      policy.operations.Add(http_ ? base::ToLower(path) : path,
                            static_cast<uint32_t>(policy.rules.size()));
      policy.rules.push_back({IsAllow(operation.action), operation.http_verbs});
    }
  }
}

AccessControl::Verdict AccessControl::Decide(const SpiffeId* caller,
                                             const Operation& operation) const {
  const Verdict global{allow_by_default_, false};
  if (!caller) return global;
  const auto found = policies_.find(Key(caller->app_id, caller->app_namespace));
  // The trust domain of the spec itself is compared with nobody's: only that of the policy is.
  if (found == policies_.end() || found->second.trust_domain != caller->trust_domain) return global;
  const Policy& policy = found->second;
  const bool own_default = !policy.default_action.empty();
  Verdict verdict{own_default ? IsAllow(policy.default_action) : allow_by_default_, own_default};

  const std::string path = WithSlash(operation.method);
  const uint32_t number =
      policy.operations.Find(http_ && !operation.grpc ? base::ToLower(path) : path);
  if (number == OperationTree::kNone) return verdict;
  const Rule& rule = policy.rules[number];
  if (operation.grpc) {
    verdict.allowed = rule.allow;
  } else if (operation.verb == "NONE") {
    // A call without a verb gets the default of the policy itself; one that has none denies.
    verdict.allowed = IsAllow(policy.default_action);
  } else if (std::any_of(rule.verbs.begin(), rule.verbs.end(), [&](const std::string& verb) {
               return verb == operation.verb || verb == "*";
             })) {
    // Verbs count as they are written: "get" is none. An operation without verbs gives HTTP
    // callers nothing.
    verdict.allowed = rule.allow;
  }
  return verdict;
}

base::Status AccessControl::Check(const CallerIdentity& caller, const Operation& operation) const {
  SpiffeId id;
  if (!caller.spiffe_id.empty()) {
    const auto parsed = ParseSpiffeId(caller.spiffe_id);
    if (!parsed) {
      log_.RateLimited("access_malformed_id", 5).Warning(parsed.error().message);
      return std::unexpected(parsed.error());
    }
    id = *parsed;
  }
  const Verdict verdict = Decide(caller.spiffe_id.empty() ? nullptr : &id, operation);
  if (metrics_) {
    metrics_->AclAction(verdict.by_policy, verdict.allowed, id.app_id, id.trust_domain,
                        id.app_namespace);
  }
  if (verdict.allowed) return {};
  std::string text =
      base::StrCat("access control policy has denied access to id: ", caller.spiffe_id,
                   " operation: ", operation.shown, " verb: ", operation.verb);
  log_.RateLimited("access_denied", 5).Warning(text);
  return base::Fail(base::Kind::kPermissionDenied, std::move(text));
}

}  // namespace blocks::invoke
