#include "config/common.hpp"

#include <algorithm>

#include "config/yaml_fields.hpp"

namespace config {

bool InScope(const std::vector<std::string>& scopes, std::string_view app_id) {
  return scopes.empty() || std::find(scopes.begin(), scopes.end(), app_id) != scopes.end();
}

void ReadObjectMeta(Fields& root, ObjectMeta& out) {
  root.Child("metadata", [&](Fields& f) {
    f.Read("name", out.name);
    f.Read("namespace", out.namespace_name);
    f.Read("labels", out.labels);
    f.Read("annotations", out.annotations);
  });
}

void ReadSecretKeyRef(Fields& fields, std::string_view name, SecretKeyRef& out) {
  fields.Child(name, [&](Fields& f) {
    f.Read("name", out.name);
    f.Read("key", out.key);
  });
}

void ReadNameValues(Fields& fields, std::string_view name, std::vector<NameValue>& out) {
  std::vector<NameValue> values;
  const bool given = fields.Each(name, [&](Fields& f) {
    NameValue v;
    v.line = f.line();
    f.Read("name", v.name);
    Dynamic value;
    f.Read("value", value);
    v.has_value = !value.json.empty();
    v.value = std::move(value.text);
    ReadSecretKeyRef(f, "secretKeyRef", v.secret_key_ref);
    f.Read("envRef", v.env_ref);
    values.push_back(std::move(v));
  });
  if (given) out = std::move(values);
}

}  // namespace config
