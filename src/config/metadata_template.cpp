#include "config/metadata_template.hpp"

#include "base/base64.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"

namespace config {

bool EnvRefAllowed(std::string_view name, const Env& env) {
  const std::string upper = base::ToUpper(name);
  if (upper.empty() || upper == "APP_API_TOKEN" || upper.starts_with("DAPR_") ||
      upper.find(' ') != std::string::npos) {
    return false;
  }
  const std::string allowed = base::ToUpper(env.Get("DAPR_ENV_KEYS"));
  if (base::Trim(allowed).empty()) return true;
  for (std::string_view key : base::SplitView(allowed, ' ')) {
    if (key == upper) return true;
  }
  return false;
}

base::Result<std::string> ExpandPlaceholders(std::string_view text,
                                             const TemplateContext& context) {
  if (text.find('{') == std::string_view::npos) return std::string(text);
  std::string out;
  size_t i = 0;
  const auto take = [&](std::string_view placeholder) {
    if (!text.substr(i).starts_with(placeholder)) return false;
    i += placeholder.size();
    return true;
  };
  while (i < text.size()) {
    if (text[i] != '{') {
      out += text[i++];
    } else if (take("{uuid}")) {
      out += base::NewUuid();
    } else if (take("{appID}")) {
      out += context.app_id;
    } else if (take("{namespace}")) {
      base::StrAppend(out, context.namespace_name, ".", context.app_id);
    } else if (take("{podName}")) {
      if (context.pod_name.empty()) {
        return base::Fail(base::Kind::kInvalidArgument,
                          "{podName} is used but the environment variable POD_NAME is not set");
      }
      out += context.pod_name;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string SecretStoreFor(const std::string& auth_secret_store, bool kubernetes) {
  if (!auth_secret_store.empty()) return auth_secret_store;
  return kubernetes ? "kubernetes" : "";
}

base::Result<std::string> ResolveValue(const NameValue& item, const std::string& store,
                                       const TemplateContext& context,
                                       std::vector<std::string>& warnings) {
  const bool secret = !item.secret_key_ref.empty();
  if (item.has_value) {
    if (!secret || !context.kubernetes || store != "kubernetes") return item.value;
    auto decoded = base::Base64Decode(item.value);
    if (decoded) return *std::move(decoded);
    return base::Fail(base::Kind::kInvalidArgument, "the secret sent with it is no base64 text");
  }
  if (!item.env_ref.empty()) {
    if (EnvRefAllowed(item.env_ref, *context.env)) return context.env->Get(item.env_ref);
    warnings.push_back(base::StrCat(item.name, ": the environment variable ", item.env_ref,
                                    " may not be read (see DAPR_ENV_KEYS); it is left empty"));
    return std::string();
  }
  if (!secret) return std::string();
  if (store.empty()) {
    warnings.push_back(base::StrCat(item.name, ": refers to the secret ", item.secret_key_ref.name,
                                    " but auth.secretStore is not given; it is left empty"));
    return std::string();
  }
  if (!context.secrets) {
    return base::Fail(base::Kind::kInternal, "secret stores are not available here");
  }
  const SecretKeyRef& ref = item.secret_key_ref;
  return context.secrets(store, ref.name, ref.key.empty() ? ref.name : ref.key);
}

base::Result<Properties> ResolveMetadata(const Component& component, const TemplateContext& context,
                                         std::vector<std::string>& warnings) {
  const std::string store = SecretStoreFor(component.auth_secret_store, context.kubernetes);
  std::vector<Properties::Entry> entries;
  entries.reserve(component.metadata.size());
  for (const NameValue& item : component.metadata) {
    const auto fail = [&](const base::Error& error) {
      base::Error out = error;
      const int line = item.line > 0 ? item.line : component.source.line;
      out.message = base::StrCat("component ", component.meta.name, " (", component.source.file,
                                 ":", line, "): metadata ", item.name, ": ", error.message);
      return base::Fail(std::move(out));
    };
    std::vector<std::string> notes;
    auto value = ResolveValue(item, store, context, notes);
    if (!value) return fail(value.error());
    for (const std::string& note : notes) {
      warnings.push_back(base::StrCat("component ", component.meta.name, ": metadata ", note));
    }
    auto expanded = ExpandPlaceholders(*value, context);
    if (!expanded) return fail(expanded.error());
    entries.push_back({item.name, *std::move(expanded), !item.secret_key_ref.empty()});
  }
  return Properties(component.meta.name, std::move(entries));
}

}  // namespace config
