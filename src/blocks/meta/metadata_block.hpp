// MetadataBlock: the metadata, health and shutdown APIs of one app. What it tells is asked of the
// runtime at each call through the providers, so it is never out of date. One per Instance; any
// loop.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "blocks/meta/health.hpp"
#include "blocks/meta/metadata.hpp"

namespace blocks::meta {

/// Where the block's answers come from. Each may be empty: then the field is unset. Called on any
/// loop; they must not wait.
struct Providers {
  std::function<std::vector<ComponentInfo>()> components;  // secret stores first, then load order
  std::function<std::vector<Subscription>()> subscriptions;
  std::function<std::vector<std::string>()> http_endpoints;
  std::function<AppConnection()> app_connection;
  std::function<std::vector<std::string>()> enabled_features;
  std::function<ActorRuntime()> actor_runtime;
  std::function<std::optional<std::vector<std::string>>()> scheduler_addresses;
  std::function<int32_t()> workflow_workers;
  std::function<std::vector<std::string>()> mcp_servers;
  std::function<std::vector<std::string>()> workflow_access_policies;
  std::function<std::vector<std::string>()> resiliencies;
  /// Begins to stop the process: gracefully, or at once with exit code 1. Must return at once.
  /// Empty: the process serves others too, and callers may not stop it.
  std::function<void(bool force)> shutdown;
};

class MetadataBlock {
 public:
  /// `app_command` and `cli_pid` come from the CLI's environment; empty ones are left out.
  struct Options {
    std::string app_id;
    std::string runtime_version;
    std::string app_command;
    std::string cli_pid;
    Health::Options health;
  };
  MetadataBlock(Options options, Providers providers);

  Metadata Get() const;
  /// Adds or replaces an extended attribute. kExhausted past the limits on their number and size.
  base::Status Set(std::string_view key, std::string_view value);
  /// Whether callers may stop the process. kPermissionDenied, with how to do it
  /// instead.
  base::Status MayShutdown() const;
  /// Only after MayShutdown.
  void Shutdown(bool force) const;

  Health& health() { return health_; }
  /// /v1.0/healthz with the query value `appid`; empty: not asked for.
  base::Status CheckHealth(std::string_view app_id) const;
  base::Status CheckOutboundHealth() const { return health_.CheckOutbound(); }

 private:
  const std::string app_id_;
  const std::string runtime_version_;
  const Providers providers_;
  Health health_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> extended_;
  std::size_t extended_bytes_ = 0;
};

}  // namespace blocks::meta
