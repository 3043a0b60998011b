#include "runtime/instance_table.hpp"

#include "api/tokens.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "runtime/instance.hpp"
#include "telemetry/log.hpp"

namespace runtime {
namespace {

std::size_t SeededHash(uint64_t seed, std::string_view text) {
  std::string salted(reinterpret_cast<const char*>(&seed), sizeof seed);
  salted += text;
  return std::hash<std::string>()(salted);
}

std::string_view HostOf(std::string_view authority) {
  return authority.substr(0, authority.find(':'));
}

// The app-id in "<appId>-dapr" or "<appId>-dapr.<namespace>…"; empty in any other name.
std::string_view ServiceOf(std::string_view host) {
  constexpr std::string_view kSuffix = "-dapr";
  std::string_view service = host.substr(0, host.find('.'));
  if (service.size() < kSuffix.size() ||
      !base::EqualsIgnoreCase(service.substr(service.size() - kSuffix.size()), kSuffix)) {
    return {};
  }
  service.remove_suffix(kSuffix.size());
  return service;
}

}  // namespace

InstanceTable::InstanceTable(std::vector<std::shared_ptr<Instance>> instances, bool only)
    : instances_(std::move(instances)), only_(only) {
  base::FillRandom(std::span(reinterpret_cast<unsigned char*>(&seed_), sizeof seed_));
  for (const auto& instance : instances_) {
    by_id_.emplace(instance->app_id(), instance);
    // Of two names that differ in case only, a host name in another case means neither.
    if (const auto [twin, first] = by_host_.emplace(base::ToLower(instance->app_id()), instance);
        !first) {
      twin->second = nullptr;
    }
    for (const std::string& token : instance->api_tokens()) {
      by_token_.emplace(SeededHash(seed_, token), std::pair(token, instance.get()));
    }
  }
  for (const std::string& warning : SharedTokens()) telemetry::Log("dapr.runtime").Warning(warning);
}

const std::shared_ptr<Instance>* InstanceTable::Locate(std::string_view app_id,
                                                       std::string_view app_namespace) const {
  const auto found = by_id_.find(app_id);
  if (found == by_id_.end()) return nullptr;
  if (!app_namespace.empty() && found->second->app_namespace() != app_namespace) return nullptr;
  return &found->second;
}

std::shared_ptr<Instance> InstanceTable::ById(std::string_view app_id,
                                              std::string_view app_namespace) const {
  const auto* found = Locate(app_id, app_namespace);
  return found ? *found : nullptr;
}

InstanceTable::Holders InstanceTable::ByToken(std::string_view token) const {
  Holders out;
  const auto [begin, end] = by_token_.equal_range(SeededHash(seed_, token));
  for (auto it = begin; it != end; ++it) {
    if (!base::ConstantTimeEquals(token, it->second.first)) continue;
    out.several = out.several || (out.first && out.first != it->second.second);
    if (!out.first) out.first = it->second.second;
  }
  return out;
}

std::vector<std::string> InstanceTable::SharedTokens() const {
  std::vector<std::string> out;
  for (const auto& instance : instances_) {
    for (const std::string& token : instance->api_tokens()) {
      const Holders holders = ByToken(token);
      if (holders.first == instance.get() || !holders.several) continue;
      out.push_back(base::StrCat("apps ", holders.first->app_id(), " and ", instance->app_id(),
                                 " have an API token in common, so that it does not tell which "
                                 "of them a caller speaks for; give each a token of its own"));
    }
  }
  return out;
}

bool InstanceTable::NamesAnApp(const http::Exchange& exchange) const {
  const auto* tag = static_cast<const ListenerTag*>(exchange.connection().listener_tag);
  return !tag->app_id.empty() || !ServiceOf(HostOf(exchange.request().authority)).empty();
}

Instance* InstanceTable::ByAuthority(std::string_view authority) const {
  const std::string_view host = HostOf(authority);
  const std::string_view service = ServiceOf(host);
  if (service.empty()) return nullptr;
  const std::size_t dot = host.find('.');
  std::string_view name_space;
  if (dot != std::string_view::npos) {
    name_space = host.substr(dot + 1);
    name_space = name_space.substr(0, name_space.find('.'));
  }
  if (const auto* found = Locate(service, name_space)) return found->get();
  // Host names are the same in any case.
  const auto found = by_host_.find(base::ToLower(service));
  if (found == by_host_.end() || !found->second) return nullptr;
  if (!name_space.empty() && !base::EqualsIgnoreCase(name_space, found->second->app_namespace())) {
    return nullptr;
  }
  return found->second.get();
}

base::Result<Instance*> InstanceTable::Find(const http::Exchange& exchange, bool probe) const {
  const auto* tag = static_cast<const ListenerTag*>(exchange.connection().listener_tag);
  if (only_) return instances_.front().get();
  // Peers speak to the internal port of one app and present certificates, not API tokens.
  const auto token = tag->port == Port::kInternal
                         ? std::nullopt
                         : exchange.request().headers.Get("dapr-api-token");
  const Holders holders = token ? ByToken(*token) : Holders();
  Instance* named = nullptr;
  if (!tag->app_id.empty()) {
    if (const auto* found = Locate(tag->app_id, {})) named = found->get();
    if (!named) {
      return base::Fail(base::Kind::kNotFound, base::ErrorId::kNoSuchInstance,
                        base::StrCat("app ", tag->app_id, " is no longer served here"));
    }
  } else {
    named = ByAuthority(exchange.request().authority);
  }
  if (named) {
    // The port is kept over a change of the app, and with it connections of before mTLS.
    if (tag->port == Port::kInternal && named->config().secure_peers &&
        !exchange.connection().tls) {
      return base::Fail(base::Kind::kUnauthenticated,
                        base::StrCat("app ", named->app_id(),
                                     " takes calls of other runtimes with mTLS only; this "
                                     "connection is older and in plain text"));
    }
    if (!probe && holders.first && !api::IsApiToken(named->api_tokens(), *token)) {
      return base::Fail(
          base::Kind::kUnauthenticated, base::ErrorId::kInstanceTokenMismatch,
          base::StrCat("the API token presented is not one of app ", named->app_id(),
                       ", which this ", tag->app_id.empty() ? "host name" : "port", " belongs to"));
    }
    return named;
  }
  if (holders.several) {
    return base::Fail(base::Kind::kNotFound, base::ErrorId::kNoSuchInstance,
                      "the API token presented belongs to several apps served here: say which is "
                      "meant by the app's own port, or by its service name <app-id>-dapr");
  }
  if (holders.first) return holders.first;
  if (token) {
    return base::Fail(base::Kind::kUnauthenticated, base::ErrorId::kInstanceToken,
                      "the API token presented belongs to no app served here");
  }
  return base::Fail(
      base::Kind::kNotFound, base::ErrorId::kNoSuchInstance,
      base::StrCat(
          "cannot tell which app the caller speaks for: use the app's own port, send its "
          "API token (dapr-api-token), or call it by its service name <app-id>-dapr; host was ",
          base::Quote(exchange.request().authority.substr(0, 128))));
}

}  // namespace runtime
