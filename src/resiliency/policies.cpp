#include "resiliency/policies.hpp"

#include <algorithm>
#include <array>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace resiliency {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kDefaultBreakers = 100;
constexpr int64_t kLeastBuiltIn = 3;  // retries a redefined built-in policy has at least

struct BuiltInPolicy {
  std::string_view name;
  RetryPolicy policy;
  bool fixed = false;  // cannot be redefined
};

const std::array<BuiltInPolicy, 5>& BuiltIns() {
  static const std::array<BuiltInPolicy, 5> kAll = [] {
    RetryPolicy service{.duration = seconds(1), .max_retries = 3};
    RetryPolicy reminder{.exponential = true};
    RetryPolicy start{.exponential = true,
                      .max_interval = seconds(1),
                      .max_elapsed = seconds(10),
                      .max_retries = 3};
    RetryPolicy not_found{.duration = seconds(1), .max_retries = 5};
    return std::array<BuiltInPolicy, 5>{{{kServiceRetries, service},
                                         {"DaprBuiltInActorRetries", service},
                                         {"DaprBuiltInActorReminderRetries", reminder},
                                         {"DaprBuiltInInitializationRetries", start},
                                         {"DaprBuiltInActorNotFoundRetries", not_found, true}}};
  }();
  return kAll;
}

const BuiltInPolicy* FindBuiltIn(std::string_view name) {
  for (const BuiltInPolicy& one : BuiltIns()) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::string_view KindName(ComponentKind kind) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "Binding", "Configuration", "Crypto", "Lock", "Pubsub", "Secretstore", "Statestore"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view FlowName(Direction direction) {
  return direction == Direction::kInbound ? "inbound" : "outbound";
}

std::unexpected<base::Error> Wrong(std::string_view field, std::string_view name,
                                   std::string_view what) {
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("field spec.policies.", field, ".", name, ": ", what));
}

base::Result<async::Duration> ReadTime(std::string_view field, std::string_view name,
                                       const std::string& text, async::Duration otherwise) {
  if (text.empty()) return otherwise;
  const auto parsed = base::ParseDurationOrMillis(text);
  if (!parsed) return Wrong(field, name, parsed.error().message);
  return std::chrono::duration_cast<async::Duration>(*parsed);
}

base::Result<RetryPolicy> ReadRetry(const std::string& name,
                                    const config::RetryPolicySpec& written) {
  RetryPolicy out;
  out.exponential = base::EqualsIgnoreCase(written.policy, "exponential");
  if (!out.exponential && !written.policy.empty() &&
      !base::EqualsIgnoreCase(written.policy, "constant")) {
    return Wrong(
        "retries", name,
        base::StrCat("policy ", base::Quote(written.policy), " must be constant or exponential"));
  }
  // `duration` is for constant pauses alone: exponential ones begin with their own.
  ASSIGN_OR_RETURN(out.duration, ReadTime("retries", name, written.duration, out.duration));
  ASSIGN_OR_RETURN(out.max_interval,
                   ReadTime("retries", name, written.max_interval, out.max_interval));
  out.max_retries = written.max_retries.value_or(out.max_retries);
  if (written.matching) {
    auto match = CodeMatch::Parse(*written.matching);
    if (!match) {
      return Wrong("retries", name, base::StrCat("matching: ", match.error().message));
    }
    out.match = std::move(*match);
  }
  return out;
}

}  // namespace

const RetryPolicy& BuiltInRetries(std::string_view name) {
  const BuiltInPolicy* found = FindBuiltIn(name);
  return found ? found->policy : BuiltIns().front().policy;
}

Breaker::OnChange TellOf(const Telemetry& telemetry, std::string target) {
  return [telemetry, target = std::move(target)](BreakerState from, BreakerState to) {
    const std::string_view now = BreakerStateName(to);
    if (telemetry.metrics) {
      telemetry.metrics->ResiliencyActivated(telemetry.resource, "circuitbreaker", telemetry.flow,
                                             target, now);
    }
    telemetry.log.Info(base::StrCat("the circuit breaker of ", target, " (", telemetry.flow,
                                    ") was ", BreakerStateName(from), " and is now ", now));
  };
}

std::shared_ptr<Breaker> BreakerCache::Get(const std::string& key,
                                           const Breaker::OnChange& on_change) {
  const async::Loop* loop = async::Loop::Current();
  const bool known = loop && static_cast<std::size_t>(loop->index()) < parts_.size();
  Map* part = known ? &parts_[static_cast<std::size_t>(loop->index())] : nullptr;
  if (part) {
    if (const auto found = part->find(key); found != part->end()) return found->second;
    if (part->size() >= limit_) part->clear();
  }
  std::shared_ptr<Breaker> breaker;
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Breaker>& place = all_[key];
    if (!place) {
      place = std::make_shared<Breaker>(spec_, on_change);
      order_.push_back(key);
    }
    breaker = place;
    if (order_.size() > limit_) {
      all_.erase(order_.front());
      order_.pop_front();
    }
  }
  if (part) part->emplace(key, breaker);
  return breaker;
}

std::shared_ptr<const Policies> Policies::Make(const std::vector<config::Resiliency>& resources,
                                               const Context& context) {
  std::shared_ptr<Policies> out(new Policies(context));
  for (const config::Resiliency& resource : resources) {
    if (const base::Status usable = Check(resource); !usable) {
      context.log.Error(base::StrCat("Resiliency ", resource.meta.name, " (",
                                     resource.source.ToString(),
                                     ") is not used: ", usable.error().message));
      continue;
    }
    out->Add(resource);
    out->names_.push_back(resource.meta.name);
    if (context.metrics) context.metrics->ResiliencyLoaded(resource.meta.name);
    context.log.Info(base::StrCat("Resiliency ", resource.meta.name, " is in use"));
  }
  if (out->names_.empty()) return nullptr;
  out->MakeAppPolicies();
  return out;
}

base::Status Policies::Check(const config::Resiliency& resource) {
  for (const auto& [name, text] : resource.timeouts) {
    RETURN_IF_ERROR(ReadTime("timeouts", name, text, {}));
  }
  for (const auto& [name, written] : resource.retries) RETURN_IF_ERROR(ReadRetry(name, written));
  for (const auto& [name, written] : resource.circuit_breakers) {
    if (const auto breaker = ParseBreaker(name, written); !breaker) {
      return Wrong("circuitBreakers", name, breaker.error().message);
    }
  }
  for (const auto& [name, names] : resource.actors) {
    const std::string& scope = names.circuit_breaker_scope;
    if (names.circuit_breaker.empty() || scope == "type" || scope == "id" || scope == "both") {
      continue;
    }
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("field spec.targets.actors.", name, ": circuitBreakerScope ",
                                   base::Quote(scope),
                                   " must be type, id or both, because it has a circuit breaker"));
  }
  return {};
}

void Policies::Add(const config::Resiliency& resource) {
  for (const auto& [name, text] : resource.timeouts) {
    timeouts_[name] = ReadTime("timeouts", name, text, {}).value_or(async::Duration());
  }
  for (const auto& [name, written] : resource.retries) {
    RetryPolicy policy = *ReadRetry(name, written);
    if (const BuiltInPolicy* built_in = FindBuiltIn(name)) {
      if (built_in->fixed) {
        context_.log.Warning(base::StrCat("Resiliency ", resource.meta.name, ": the retry policy ",
                                          name, " cannot be redefined"));
        continue;
      }
      if (policy.max_retries < kLeastBuiltIn) {
        context_.log.Warning(base::StrCat("Resiliency ", resource.meta.name, ": the retry policy ",
                                          name, " must try again at least ", kLeastBuiltIn,
                                          " times; it will"));
        policy.max_retries = kLeastBuiltIn;
      }
    }
    retries_[name] = std::make_shared<const RetryPolicy>(std::move(policy));
  }
  for (const auto& [name, written] : resource.circuit_breakers) {
    breakers_[name] = std::make_shared<const BreakerSpec>(*ParseBreaker(name, written));
  }
  for (const auto& [name, names] : resource.apps) app_names_[name] = names;
  for (const auto& [name, names] : resource.components) component_names_[name] = names;
}

std::shared_ptr<const BreakerSpec> Policies::FindBreaker(const std::string& name) const {
  const auto found = breakers_.find(name);
  return found == breakers_.end() ? nullptr : found->second;
}

void Policies::Fill(const config::PolicyNames& names, std::string_view target, Direction direction,
                    Policy& out) const {
  const auto missing = [&](std::string_view what, const std::string& name) {
    context_.log.Warning(base::StrCat("Resiliency: ", target, " names the ", what, " ",
                                      base::Quote(name), ", which no resource defines"));
  };
  out.target = target;
  out.telemetry = {context_.metrics, context_.log, names_.back(), FlowName(direction)};
  if (!names.timeout.empty()) {
    const auto found = timeouts_.find(names.timeout);
    if (found == timeouts_.end())
      missing("timeout", names.timeout);
    else
      out.timeout = std::max(found->second, async::Duration::zero());
  }
  if (!names.retry.empty()) {
    const auto found = retries_.find(names.retry);
    if (found != retries_.end()) {
      out.retry = found->second;
    } else if (const BuiltInPolicy* built_in = FindBuiltIn(names.retry)) {
      out.retry = std::make_shared<const RetryPolicy>(built_in->policy);
    } else {
      missing("retry policy", names.retry);
    }
  }
  if (!names.circuit_breaker.empty()) {
    if (const auto spec = FindBreaker(names.circuit_breaker)) {
      out.breaker = std::make_shared<Breaker>(spec, TellOf(out.telemetry, out.target));
    } else {
      missing("circuit breaker", names.circuit_breaker);
    }
  }
}

// Of the policies with a default's name the most specific one counts, for each of the three alone.
config::PolicyNames Policies::Defaults(const std::vector<std::string>& levels) const {
  const auto first = [&](std::string_view what, auto&& exists) -> std::string {
    for (const std::string& level : levels) {
      std::string name = base::StrCat("Default", level, what, "Policy");
      if (exists(name)) return name;
    }
    return {};
  };
  config::PolicyNames out;
  out.timeout = first("Timeout", [&](const std::string& name) { return timeouts_.contains(name); });
  out.retry = first("Retry", [&](const std::string& name) { return retries_.contains(name); });
  out.circuit_breaker =
      first("CircuitBreaker", [&](const std::string& name) { return breakers_.contains(name); });
  return out;
}

void Policies::MakeAppPolicies() {
  for (const auto& [id, names] : app_names_) {
    Fill(names, base::StrCat("app_", id), Direction::kOutbound, apps_[id]);
  }
  Fill(Defaults({"App", ""}), "app_", Direction::kOutbound, default_app_);
  default_app_.many = true;
  if (default_app_.breaker) {
    default_app_.breakers = std::make_shared<BreakerCache>(default_app_.breaker->spec(),
                                                           context_.loops, kDefaultBreakers);
    default_app_.breaker.reset();
  }
}

const Policy* Policies::App(std::string_view app_id) const {
  const auto found = apps_.find(app_id);
  const Policy& policy = found == apps_.end() ? default_app_ : found->second;
  return policy.empty() ? nullptr : &policy;
}

std::shared_ptr<const Policy> Policies::Component(std::string_view name, ComponentKind kind,
                                                  Direction direction) const {
  const std::string_view kind_name = KindName(kind);
  const std::string target = base::StrCat(kind_name, "_", name);
  auto out = std::make_shared<Policy>();
  if (const auto found = component_names_.find(name); found != component_names_.end()) {
    const auto& names = found->second;
    Fill(direction == Direction::kInbound ? names.inbound : names.outbound, target, direction,
         *out);
  } else {
    const std::string_view way = direction == Direction::kInbound ? "Inbound" : "Outbound";
    Fill(Defaults({base::StrCat(kind_name, "Component", way), base::StrCat("Component", way),
                   "Component", ""}),
         target, direction, *out);
  }
  return out->empty() ? nullptr : out;
}

const RetryPolicy* Policies::Redefined(std::string_view name) const {
  const auto found = retries_.find(name);
  return found == retries_.end() ? nullptr : found->second.get();
}

}  // namespace resiliency
