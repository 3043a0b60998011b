#include "runtime/resource_diff.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace runtime {
namespace {

template <class T>
void KeepBrokenOf(const std::vector<std::string>& files, const std::vector<T>& before,
                  std::vector<T>& next) {
  const auto broken = [&](const T& item) {
    return std::find(files.begin(), files.end(), item.source.file) != files.end();
  };
  std::erase_if(next, broken);
  for (const T& item : before) {
    if (!broken(item)) continue;
    // Unless it has moved to another file.
    const bool elsewhere = std::any_of(next.begin(), next.end(), [&](const T& other) {
      return other.meta.name == item.meta.name;
    });
    if (!elsewhere) next.push_back(item);
  }
}

void Append(std::string& out, std::string_view kind, const Changes& changes) {
  if (changes.empty()) return;
  base::StrAppend(out, out.empty() ? "" : "; ", kind, ":");
  std::string_view comma = " ";
  for (const auto& [verb, names] :
       {std::pair<std::string_view, const std::vector<std::string>*>{"added", &changes.added},
        {"changed", &changes.changed},
        {"removed", &changes.removed}}) {
    if (names->empty()) continue;
    base::StrAppend(out, comma, verb, " ", base::Join(*names, " "));
    comma = ", ";
  }
}

}  // namespace

bool SameResource(const config::Component& a, const config::Component& b) {
  return a.meta.name == b.meta.name && a.type == b.type && a.version == b.version &&
         a.ignore_errors == b.ignore_errors && a.init_timeout == b.init_timeout &&
         a.metadata == b.metadata && a.auth_secret_store == b.auth_secret_store &&
         a.scopes == b.scopes;
}

bool SameResource(const config::HttpEndpoint& a, const config::HttpEndpoint& b) {
  return a.meta.name == b.meta.name && a.base_url == b.base_url && a.headers == b.headers &&
         a.client_tls == b.client_tls && a.auth_secret_store == b.auth_secret_store &&
         a.scopes == b.scopes;
}

bool SameResource(const config::Subscription& a, const config::Subscription& b) {
  return a.meta.name == b.meta.name && a.pubsub_name == b.pubsub_name && a.topic == b.topic &&
         a.metadata == b.metadata && a.rules == b.rules && a.default_route == b.default_route &&
         a.dead_letter_topic == b.dead_letter_topic && a.bulk_subscribe == b.bulk_subscribe &&
         a.scopes == b.scopes;
}

bool SameResource(const config::Resiliency& a, const config::Resiliency& b) {
  return a.meta.name == b.meta.name && a.timeouts == b.timeouts && a.retries == b.retries &&
         a.circuit_breakers == b.circuit_breakers && a.apps == b.apps && a.actors == b.actors &&
         a.components == b.components && a.scopes == b.scopes;
}

std::string ResourceDiff::ToString() const {
  std::string out;
  Append(out, "components", components);
  Append(out, "HTTP endpoints", http_endpoints);
  Append(out, "subscriptions", subscriptions);
  Append(out, "resiliencies", resiliencies);
  return out;
}

ResourceDiff Diff(const config::Resources& before, const config::Resources& after) {
  return {.components = DiffByName(before.components, after.components),
          .http_endpoints = DiffByName(before.http_endpoints, after.http_endpoints),
          .subscriptions = DiffByName(before.subscriptions, after.subscriptions),
          .resiliencies = DiffByName(before.resiliencies, after.resiliencies)};
}

std::vector<std::string_view> Diff(const config::Configuration& a, const config::Configuration& b) {
  std::vector<std::string_view> out;
  const auto compare = [&](std::string_view name, bool same) {
    if (!same) out.push_back(name);
  };
  compare("httpPipeline", a.http_pipeline == b.http_pipeline);
  compare("appHttpPipeline", a.app_http_pipeline == b.app_http_pipeline);
  compare("tracing", a.tracing == b.tracing);
  compare("metrics", a.Metrics() == b.Metrics());
  compare("mtls", a.mtls == b.mtls);
  compare("secrets", a.secret_scopes == b.secret_scopes);
  compare("accessControl", a.access_control == b.access_control);
  compare("nameResolution", a.name_resolution == b.name_resolution);
  compare("features", a.features == b.features);
  compare("api", a.api_allowed == b.api_allowed && a.api_denied == b.api_denied);
  compare("components", a.denied_components == b.denied_components);
  compare("logging", a.api_logging == b.api_logging);
  compare("wasm", a.wasm_strict_sandbox == b.wasm_strict_sandbox);
  compare("workflow", a.workflow == b.workflow);
  return out;
}

std::vector<std::string_view> NeedsRestart(const std::vector<std::string_view>& changed) {
  std::vector<std::string_view> out;
  for (const std::string_view name : changed) {
    if (name == "metrics" || name == "mtls" || name == "nameResolution" || name == "wasm" ||
        name == "workflow") {
      out.push_back(name);
    }
  }
  return out;
}

void KeepBroken(const config::Resources& before, config::Resources& next) {
  const std::vector<std::string>& files = next.broken_files;
  if (files.empty()) return;
  KeepBrokenOf(files, before.components, next.components);
  KeepBrokenOf(files, before.http_endpoints, next.http_endpoints);
  KeepBrokenOf(files, before.subscriptions, next.subscriptions);
  KeepBrokenOf(files, before.resiliencies, next.resiliencies);
}

}  // namespace runtime
