// The Component resource: one state store, broker, binding, middleware … and its metadata.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"

namespace config {

struct Component {
  ObjectMeta meta;
  std::string type;     // "state.redis", as written
  std::string version;  // "v1", as written; may be empty
  bool ignore_errors = false;
  std::string init_timeout;
  std::vector<NameValue> metadata;
  std::string auth_secret_store;
  std::vector<std::string> scopes;
  Source source;

  /// "name (type/version)", the form that logs and errors use.
  std::string LogName() const;
  /// How long initialisation may take: 5 s when unset or not understood.
  std::chrono::nanoseconds InitTimeout() const;
};

/// Reads a document that is a Component (or a JSON object of one). Errors name file, line and
/// field.
base::Result<Component> ParseComponent(const Document& document);

void ReadComponent(Fields& root, Component& out);

}  // namespace config
