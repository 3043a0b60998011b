#include "components/secretstores/local_env/store.hpp"

#include <unistd.h>

#include "base/strings.hpp"

namespace components::secretstores::local_env {

Variables ProcessVariables() {
  Variables variables;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

bool Store::Blocked(std::string_view name) {
  return base::EqualsIgnoreCase(name, "APP_API_TOKEN") || base::StartsWithIgnoreCase(name, "DAPR_");
}

async::Task<base::Status> Store::Init(const contracts::Call&,
                                      const contracts::InitRequest& request) {
  prefix_ = request.properties.Get("prefix");
  co_return base::Status();
}

async::Task<base::Result<contracts::Secret>> Store::GetSecret(const contracts::Call&,
                                                              contracts::GetSecretRequest request) {
  const std::string name = prefix_ + request.name;
  std::string value;
  if (!Blocked(name)) {
    for (const auto& [variable, text] : variables_) {
      if (variable == name) value = text;
    }
  }
  contracts::Secret secret;
  secret.emplace(std::move(request.name), std::move(value));
  co_return secret;
}

async::Task<base::Result<std::map<std::string, contracts::Secret>>> Store::BulkGetSecret(
    const contracts::Call&, contracts::BulkGetSecretRequest) {
  std::map<std::string, contracts::Secret> secrets;
  for (const auto& [variable, text] : variables_) {
    if (!variable.starts_with(prefix_) || Blocked(variable)) continue;
    const std::string name = variable.substr(prefix_.size());
    secrets[name] = {{name, text}};
  }
  co_return secrets;
}

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "secretstores.local.env",
      .versions = {"v1"},
      .summary =
          "Gives the environment variables of the runtime's process out as secrets. "
          "`APP_API_TOKEN` and every name that starts with `DAPR_` stay hidden: they read as "
          "empty. For development and for values the platform injects.",
      .fields = {{.name = "prefix",
                  .description =
                      "Put before every name that is asked for; only variables with this "
                      "prefix can be read."}},
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::SecretStore> { return std::make_unique<Store>(); }};
  return kDescriptor;
}

}  // namespace components::secretstores::local_env
