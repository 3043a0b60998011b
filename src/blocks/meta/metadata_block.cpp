#include "blocks/meta/metadata_block.hpp"

#include <utility>

#include "base/strings.hpp"

namespace blocks::meta {
namespace {

// Bounds on what callers may leave behind in the process.
constexpr std::size_t kMaxAttributes = 1000;
constexpr std::size_t kMaxAttributeBytes = 1024 * 1024;

template <class T>
T Ask(const std::function<T()>& provider) {
  return provider ? provider() : T();
}

}  // namespace

MetadataBlock::MetadataBlock(Options options, Providers providers)
    : app_id_(std::move(options.app_id)),
      runtime_version_(std::move(options.runtime_version)),
      providers_(std::move(providers)),
      health_(std::move(options.health)) {
  extended_["daprRuntimeVersion"] = runtime_version_;
  if (!options.app_command.empty()) extended_["appCommand"] = std::move(options.app_command);
  if (!options.cli_pid.empty()) extended_["cliPID"] = std::move(options.cli_pid);
  for (const auto& [key, value] : extended_) extended_bytes_ += key.size() + value.size();
}

Metadata MetadataBlock::Get() const {
  Metadata out;
  out.id = app_id_;
  out.runtime_version = runtime_version_;
  out.enabled_features = Ask(providers_.enabled_features);
  out.components = Ask(providers_.components);
  out.subscriptions = Ask(providers_.subscriptions);
  out.http_endpoints = Ask(providers_.http_endpoints);
  out.app_connection = Ask(providers_.app_connection);
  out.actor_runtime = Ask(providers_.actor_runtime);
  out.scheduler_addresses = Ask(providers_.scheduler_addresses);
  out.workflow_workers = Ask(providers_.workflow_workers);
  out.mcp_servers = Ask(providers_.mcp_servers);
  out.workflow_access_policies = Ask(providers_.workflow_access_policies);
  out.resiliencies = Ask(providers_.resiliencies);
  const std::lock_guard lock(mutex_);
  out.extended = extended_;
  return out;
}

base::Status MetadataBlock::Set(std::string_view key, std::string_view value) {
  const std::lock_guard lock(mutex_);
  const auto found = extended_.find(std::string(key));
  const bool is_new = found == extended_.end();
  const std::size_t before = is_new ? 0 : key.size() + found->second.size();
  const std::size_t after = extended_bytes_ - before + key.size() + value.size();
  if ((is_new && extended_.size() >= kMaxAttributes) || after > kMaxAttributeBytes) {
    return base::Fail(
        base::Kind::kExhausted,
        base::StrCat("the metadata may have at most ", kMaxAttributes, " extended attributes of ",
                     kMaxAttributeBytes,
                     " bytes in all: change existing keys instead of adding new ones"));
  }
  extended_bytes_ = after;
  extended_[std::string(key)] = value;
  return {};
}

base::Status MetadataBlock::MayShutdown() const {
  if (providers_.shutdown) return {};
  return base::Fail(
      base::Kind::kPermissionDenied,
      base::StrCat("app ", app_id_,
                   " may not end this process, because it serves other apps too (--apps-path): "
                   "remove the app's SharedApp document to end the app, or send the process "
                   "SIGTERM to end them all"));
}

void MetadataBlock::Shutdown(bool force) const {
  if (providers_.shutdown) providers_.shutdown(force);
}

base::Status MetadataBlock::CheckHealth(std::string_view app_id) const {
  RETURN_IF_ERROR(health_.Check());
  if (!app_id.empty() && app_id != app_id_) {
    return base::Fail(base::Kind::kPreconditionFailed, base::ErrorId::kHealthAppIdNotMatch,
                      "dapr app-id does not match");
  }
  return {};
}

}  // namespace blocks::meta
