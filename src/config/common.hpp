// Parts that several kinds of resource share.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml.hpp"

namespace config {

class Fields;

struct ObjectMeta {
  std::string name;
  std::string namespace_name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct SecretKeyRef {
  std::string name;
  std::string key;
  bool empty() const { return name.empty(); }
  bool operator==(const SecretKeyRef&) const = default;
};

/// A named value: given as text, as a secret, or as an environment variable.
struct NameValue {
  std::string name;
  std::string value;  // text; JSON text when the YAML held a number, list or mapping
  bool has_value = false;
  SecretKeyRef secret_key_ref;
  std::string env_ref;
  int line = 0;

  /// Wherever they stand.
  bool operator==(const NameValue& other) const {
    return name == other.name && value == other.value && has_value == other.has_value &&
           secret_key_ref == other.secret_key_ref && env_ref == other.env_ref;
  }
};

/// True when a resource with these scopes is for `app_id`; no scopes means for everyone.
bool InScope(const std::vector<std::string>& scopes, std::string_view app_id);

void ReadObjectMeta(Fields& root, ObjectMeta& out);
void ReadNameValues(Fields& fields, std::string_view name, std::vector<NameValue>& out);
void ReadSecretKeyRef(Fields& fields, std::string_view name, SecretKeyRef& out);

}  // namespace config
