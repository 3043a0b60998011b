// The HTTPEndpoint resource: an address outside Dapr that is invoked by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"

namespace config {

struct TlsDocument {
  std::string value;
  bool has_value = false;
  SecretKeyRef secret_key_ref;
  bool operator==(const TlsDocument&) const = default;
};

struct ClientTls {
  std::optional<TlsDocument> root_ca, certificate, private_key;
  std::string renegotiation = "Never";  // Never, OnceAsClient, FreelyAsClient
  bool operator==(const ClientTls&) const = default;
};

struct HttpEndpoint {
  ObjectMeta meta;
  std::string base_url;
  std::vector<NameValue> headers;
  std::optional<ClientTls> client_tls;
  std::string auth_secret_store;
  std::vector<std::string> scopes;
  Source source;

  /// "name (base URL)", the URL without the user and password that it may hold.
  std::string LogName() const;
};

/// Reads a document that is an HTTPEndpoint. Errors name file, line and field.
base::Result<HttpEndpoint> ParseHttpEndpoint(const Document& document);

void ReadHttpEndpoint(Fields& root, HttpEndpoint& out);

}  // namespace config
