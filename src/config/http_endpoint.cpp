#include "config/http_endpoint.hpp"

#include "config/yaml_fields.hpp"

namespace config {
namespace {

void ReadTlsDocument(Fields& fields, std::string_view name, std::optional<TlsDocument>& out) {
  fields.Child(name, [&](Fields& f) {
    TlsDocument document;
    Dynamic value;
    f.Read("value", value);
    document.has_value = !value.json.empty();
    document.value = std::move(value.text);
    ReadSecretKeyRef(f, "secretKeyRef", document.secret_key_ref);
    out = std::move(document);
  });
}

}  // namespace

std::string HttpEndpoint::LogName() const {
  std::string url = base_url;
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@', url.find_first_of("/?#", host));
  if (at != std::string::npos && at >= host) url.erase(host, at + 1 - host);
  return meta.name + " (" + url + ")";
}

void ReadHttpEndpoint(Fields& root, HttpEndpoint& out) {
  out.source = root.source();
  ReadObjectMeta(root, out.meta);
  root.Child("spec", [&](Fields& f) {
    f.Read("baseUrl", out.base_url);
    ReadNameValues(f, "headers", out.headers);
    f.Child("clientTLS", [&](Fields& t) {
      ClientTls tls;
      ReadTlsDocument(t, "rootCA", tls.root_ca);
      ReadTlsDocument(t, "certificate", tls.certificate);
      ReadTlsDocument(t, "privateKey", tls.private_key);
      t.Read("renegotiation", tls.renegotiation);
      if (tls.renegotiation != "Never" && tls.renegotiation != "OnceAsClient" &&
          tls.renegotiation != "FreelyAsClient") {
        t.SetError("renegotiation", "must be Never, OnceAsClient or FreelyAsClient");
      }
      out.client_tls = std::move(tls);
    });
  });
  root.Child("auth", [&](Fields& f) { f.Read("secretStore", out.auth_secret_store); });
  root.Read("scopes", out.scopes);
}

base::Result<HttpEndpoint> ParseHttpEndpoint(const Document& document) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  HttpEndpoint out;
  Fields root = reader.Root();
  ReadHttpEndpoint(root, out);
  RETURN_IF_ERROR(reader.status());
  return out;
}

}  // namespace config
