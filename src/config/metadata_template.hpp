// From a manifest's metadata to Properties: secrets, environment variables and placeholders.
// Runs when a component is about to be initialised. Any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"
#include "config/component.hpp"
#include "config/env.hpp"
#include "config/properties.hpp"

namespace config {

/// Fetches one key of a secret from a store. Failures stop the component; their text must not hold
/// the secret.
using SecretLookup = std::function<base::Result<std::string>(
    const std::string& store, const std::string& name, const std::string& key)>;

struct TemplateContext {
  std::string app_id;
  std::string namespace_name;  // "default" when the process has none
  std::string pod_name;        // empty = POD_NAME is not set
  bool kubernetes = false;
  const Env* env = nullptr;  // needed; lives through the call
  SecretLookup secrets;      // may be empty when no manifest refers to one
};

/// Whether manifests may refer to the environment variable: not empty, not APP_API_TOKEN, no DAPR_
/// prefix, no space, and listed when DAPR_ENV_KEYS lists any; compared in upper case.
bool EnvRefAllowed(std::string_view name, const Env& env);

/// Replaces {uuid} (a new one each), {podName}, {namespace} (as "<namespace>.<app-id>") and
/// {appID}. Fails when {podName} is used and there is none.
base::Result<std::string> ExpandPlaceholders(std::string_view text, const TemplateContext& context);

/// The store that secretKeyRef of a resource means: its own, else "kubernetes" in Kubernetes mode,
/// else "".
std::string SecretStoreFor(const std::string& auth_secret_store, bool kubernetes);

/// The text of one value. Without a store the secret is left empty and a warning added; so is an
/// environment variable that may not be read. In Kubernetes mode a value beside a secretKeyRef of
/// the "kubernetes" store is that secret in base64.
base::Result<std::string> ResolveValue(const NameValue& item, const std::string& store,
                                       const TemplateContext& context,
                                       std::vector<std::string>& warnings);

/// All metadata of `component`, resolved and expanded. Errors name the component and the entry.
base::Result<Properties> ResolveMetadata(const Component& component, const TemplateContext& context,
                                         std::vector<std::string>& warnings);

}  // namespace config
