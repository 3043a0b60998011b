#include "config/component.hpp"

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "config/yaml_fields.hpp"

namespace config {

std::string Component::LogName() const {
  return base::StrCat(meta.name, " (", type, version.empty() ? "" : "/", version, ")");
}

std::chrono::nanoseconds Component::InitTimeout() const {
  constexpr std::chrono::seconds kDefault(5);
  const auto parsed = base::ParseDuration(init_timeout);
  return parsed && parsed->count() > 0 ? *parsed : kDefault;
}

void ReadComponent(Fields& root, Component& out) {
  out.source = root.source();
  ReadObjectMeta(root, out.meta);
  root.Child("spec", [&](Fields& f) {
    f.Read("type", out.type);
    f.Read("version", out.version);
    f.Read("ignoreErrors", out.ignore_errors);
    f.Read("initTimeout", out.init_timeout);
    ReadNameValues(f, "metadata", out.metadata);
  });
  root.Child("auth", [&](Fields& f) { f.Read("secretStore", out.auth_secret_store); });
  root.Read("scopes", out.scopes);
}

base::Result<Component> ParseComponent(const Document& document) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Component out;
  Fields root = reader.Root();
  ReadComponent(root, out);
  RETURN_IF_ERROR(reader.status());
  return out;
}

}  // namespace config
