#include "control/operator/resource_set.hpp"

#include "base/base64.hpp"
#include "base/strings.hpp"

namespace control {
namespace {

// The operator fills in the documents of clientTLS as it does the values of headers: base64 beside
// the reference that is kept, for its own store only. Headers and metadata are decoded where they
// are resolved.
bool DecodeTls(config::HttpEndpoint& endpoint) {
  if (!endpoint.client_tls) return true;
  const std::string& store = endpoint.auth_secret_store;
  if (!store.empty() && store != "kubernetes") return true;
  for (auto* document : {&endpoint.client_tls->root_ca, &endpoint.client_tls->certificate,
                         &endpoint.client_tls->private_key}) {
    if (!*document || !(*document)->has_value || (*document)->secret_key_ref.empty()) continue;
    auto decoded = base::Base64Decode((*document)->value);
    if (!decoded) return false;
    (*document)->value = *std::move(decoded);
  }
  return true;
}

// What stands where a file's name would, in errors.
std::string Label(ResourceKind kind, const std::string& name) {
  return base::StrCat("operator:", KindName(kind), "/", name);
}

}  // namespace

bool ResourceSet::Put(ResourceKind kind, Manifest manifest) {
  Manifests& all = kinds_[IndexOf(kind)];
  const auto found = all.find(manifest.name);
  if (found == all.end()) {
    std::string name = manifest.name;
    all.emplace(std::move(name), std::move(manifest));
    return true;
  }
  if (manifest.version < found->second.version && manifest.version != 0) return false;
  const bool changed = found->second.json != manifest.json;
  found->second = std::move(manifest);
  return changed;
}

bool ResourceSet::Remove(ResourceKind kind, const Manifest& manifest) {
  Manifests& all = kinds_[IndexOf(kind)];
  const auto found = all.find(manifest.name);
  if (found == all.end()) return false;
  if (manifest.version < found->second.version && manifest.version != 0) return false;
  all.erase(found);
  return true;
}

bool ResourceSet::Replace(ResourceKind kind, std::vector<Manifest> all) {
  Manifests next;
  for (Manifest& manifest : all) {
    std::string name = manifest.name;
    next.insert_or_assign(std::move(name), std::move(manifest));
  }
  Manifests& now = kinds_[IndexOf(kind)];
  bool changed = next.size() != now.size();
  for (auto a = next.begin(), b = now.begin(); !changed && a != next.end(); ++a, ++b) {
    changed = a->first != b->first || a->second.json != b->second.json;
  }
  now = std::move(next);
  return changed;
}

base::Result<AppResources> DecodeResources(const ResourceSet& set, std::string_view app_id,
                                           const std::string& app_namespace) {
  AppResources out;
  config::Resources parsed;
  for (const ResourceKind kind : kResourceKinds) {
    for (const auto& [name, manifest] : set.of(kind)) {
      if (kind != ResourceKind::kConfiguration) {
        config::ParseResourceFile(Label(kind, name), manifest.json, parsed);
        continue;
      }
      const config::Document document{
          .file = Label(kind, name), .first_line = 1, .text = manifest.json};
      if (auto merged = config::MergeConfiguration(document, out.configuration); !merged) {
        return base::Fail(merged.error().kind,
                          base::StrCat("error loading configuration: ", merged.error().message));
      }
      RETURN_IF_ERROR(config::CheckConfiguration(out.configuration));
    }
  }
  std::erase_if(parsed.http_endpoints, [&](config::HttpEndpoint& endpoint) {
    if (DecodeTls(endpoint)) return false;
    parsed.warnings.push_back(base::StrCat(
        endpoint.source.ToString(), ": clientTLS: the secret sent with it is no base64 text"));
    return true;
  });
  ASSIGN_OR_RETURN(out.resources, config::SelectForApp(parsed, app_id, app_namespace));
  return out;
}

}  // namespace control
