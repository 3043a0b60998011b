#include "config/shared_app.hpp"

#include <map>

#include "base/file.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "config/discovery_place.hpp"
#include "config/yaml_fields.hpp"

namespace config {
namespace {

constexpr std::string_view kApiVersion = "shared.dapr.io/v1alpha1";
constexpr std::string_view kKind = "SharedApp";

void ReadPort(Fields& f, std::string_view name, std::optional<uint16_t>& out) {
  if (!f.Has(name)) return;
  int64_t port = 0;
  f.Read(name, port);
  if (port < 0 || port > 65535) return f.SetError(name, "must be a port from 0 to 65535");
  out = static_cast<uint16_t>(port);
}

void ReadStoreSecret(Fields& f, StoreSecretRef& out) {
  f.AllowOnly({"name", "key", "store"});
  f.Read("name", out.name);
  f.Read("key", out.key);
  f.Read("store", out.store);
  if (out.name.empty()) f.SetError("name", "must name a secret");
  if (out.key.empty()) out.key = out.name;
}

void ReadTarget(Fields& f, AppTarget& out) {
  f.AllowOnly({"address", "port", "protocol", "maxConcurrency", "apiTokenSecretRef"});
  f.Read("address", out.address);
  if (out.address.empty()) f.SetError("address", "must be a host name or an IP address");
  std::optional<uint16_t> port;
  ReadPort(f, "port", port);
  out.port = port.value_or(0);
  std::string protocol;
  f.Read("protocol", protocol);
  if (const auto parsed = ParseAppProtocol(protocol)) {
    out.protocol = *parsed;
  } else {
    f.SetError("protocol", base::StrCat("invalid value ", base::Quote(protocol),
                                        ": must be http, https, h2c, grpc or grpcs"));
  }
  f.Read("maxConcurrency", out.max_concurrency);
  f.Child("apiTokenSecretRef", [&](Fields& s) { ReadStoreSecret(s, out.api_token.emplace()); });
}

void ReadToken(Fields& f, TokenSource& out) {
  f.AllowOnly({"value", "secretKeyRef"});
  f.Read("value", out.value);
  f.Child("secretKeyRef", [&](Fields& s) { ReadStoreSecret(s, out.secret.emplace()); });
  if (out.value.empty() == !out.secret) {
    f.SetError("value", "give either a value or a secretKeyRef");
  }
}

void ReadLimits(Fields& f, AppLimits& out) {
  f.AllowOnly({"inFlight", "bodyMemory"});
  f.Read("inFlight", out.in_flight);
  if (out.in_flight < 0) f.SetError("inFlight", "may not be negative");
  std::string memory;
  f.Read("bodyMemory", memory);
  if (memory.empty()) return;
  const auto bytes = base::ParseQuantity(memory);
  if (!bytes) return f.SetError("bodyMemory", bytes.error().message);
  if (*bytes < 0) return f.SetError("bodyMemory", "may not be negative");
  out.body_memory = *bytes;
}

void ReadWake(Fields& f, SharedApp& out) {
  if (f.Has("wake")) {
    std::string text;
    f.Read("wake", text);
    out.wake = ParseAppWake(text);
    if (!out.wake) {
      f.SetError("wake", base::StrCat("invalid value ", base::Quote(text),
                                      ": must be request, probe or never"));
    }
  }
  if (!f.Has("discoveryCache")) return;
  std::string& where = out.discovery_cache.emplace();
  f.Read("discoveryCache", where);
  if (!where.empty() && !ParseDiscoveryPlace(where)) {
    f.SetError("discoveryCache",
               "must be of the form file:DIR or configmap:NAME, or empty for none");
  }
}

void ReadSpec(Fields& f, SharedApp& out) {
  f.AllowOnly({"appId", "target", "apiTokens", "config", "ports", "limits", "resourcesPath", "wake",
               "discoveryCache", "identity"});
  f.Read("appId", out.app_id);
  if (out.app_id.empty()) f.SetError("appId", "parameter app-id cannot be empty");
  if (out.app_id.find('.') != std::string::npos) {
    f.SetError("appId", "parameter app-id cannot contain dots");
  }
  f.Child("target", [&](Fields& t) { ReadTarget(t, out.target); });
  f.Each("apiTokens", [&](Fields& t) { ReadToken(t, out.api_tokens.emplace_back()); });
  if (out.api_tokens.size() > 2) f.SetError("apiTokens", "at most two tokens are valid at a time");
  f.Read("config", out.config);
  ReadWake(f, out);
  f.Child("ports", [&](Fields& p) {
    p.AllowOnly({"http", "grpc", "internal"});
    ReadPort(p, "http", out.ports.http);
    ReadPort(p, "grpc", out.ports.grpc);
    ReadPort(p, "internal", out.ports.internal);
  });
  f.Child("limits", [&](Fields& l) { ReadLimits(l, out.limits); });
  f.Child("identity", [&](Fields& i) {
    i.AllowOnly({"tokenFile"});
    i.Read("tokenFile", out.sentry_token_file);
    if (out.sentry_token_file.empty()) i.SetError("tokenFile", "must be the path of a file");
  });
  f.Read("resourcesPath", out.resources_paths);
}

void ReadSharedApp(Fields& root, SharedApp& out) {
  out.source = root.source();
  root.AllowOnly({"apiVersion", "kind", "metadata", "spec"});
  ReadObjectMeta(root, out.meta);
  if (!root.Has("spec")) root.SetError("spec", "is missing");
  root.Child("spec", [&](Fields& f) { ReadSpec(f, out); });
}

// True when the document is a SharedApp; any other kind is not an error here.
bool IsSharedApp(Fields& root) {
  std::string api_version, kind;
  root.Read("apiVersion", api_version);
  root.Read("kind", kind);
  return api_version == kApiVersion && kind == kKind;
}

// The first thing of `app` that an accepted one has already taken.
std::optional<std::string> Conflict(const SharedApp& app, std::map<std::string, Source>& taken) {
  std::vector<std::string> keys{base::StrCat("appId ", app.app_id)};
  for (const auto& port : {app.ports.http, app.ports.grpc, app.ports.internal}) {
    if (port && *port != 0) keys.push_back(base::StrCat("port ", *port));
  }
  std::map<std::string, Source> own;
  for (const std::string& key : keys) {
    const auto it = taken.find(key);
    const auto again = own.find(key);
    if (it != taken.end() || again != own.end()) {
      return base::StrCat(app.source.ToString(), ": ", key, " is already used by ",
                          (it != taken.end() ? it : again)->second.ToString(),
                          "; the document is left out");
    }
    own.emplace(key, app.source);
  }
  taken.merge(own);
  return std::nullopt;
}

}  // namespace

base::Result<SharedApp> ParseSharedApp(const Document& document) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Fields root = reader.Root();
  SharedApp out;
  if (!IsSharedApp(root)) {
    root.SetError("kind", base::StrCat("expected apiVersion ", kApiVersion, " and kind ", kKind));
  }
  ReadSharedApp(root, out);
  RETURN_IF_ERROR(reader.status());
  return out;
}

base::Result<SharedApps> LoadSharedApps(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, ListYamlFiles(directory));
  SharedApps out;
  std::map<std::string, Source> taken;
  for (const std::string& file : files) {
    auto documents = LoadDocuments(file);
    if (!documents) {
      out.errors.push_back(documents.error().message);
      continue;
    }
    for (const Document& document : *documents) {
      Reader reader(document);
      SharedApp app;
      if (reader.Parse()) {
        Fields root = reader.Root();
        if (!IsSharedApp(root)) continue;
        ReadSharedApp(root, app);
      }
      if (auto status = reader.status(); !status) {
        out.errors.push_back(status.error().message);
      } else if (auto conflict = Conflict(app, taken)) {
        out.errors.push_back(std::move(*conflict));
      } else {
        out.apps.push_back(std::move(app));
      }
    }
  }
  return out;
}

}  // namespace config
