#include "components/rabbitmq/settings.hpp"

#include "base/strings.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;
using contracts::Field;
using contracts::FieldType;

namespace {

constexpr uint16_t kPort = 5672;
constexpr uint16_t kTlsPort = 5671;

std::unexpected<base::Error> Wrong(std::string_view what) {
  return base::Fail(Kind::kInvalidArgument, std::string(what));
}

base::Status ParseHostAndPort(std::string_view text, Settings& settings) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return Wrong("the IPv6 address has no ]");
    settings.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = text.find(':');
    settings.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (settings.host.empty()) settings.host = "localhost";
  settings.port = settings.tls ? kTlsPort : kPort;
  if (port.empty() || port == ":") return {};
  const auto number =
      port.front() == ':' ? base::ParseUint<uint16_t>(port.substr(1)) : std::nullopt;
  if (!number || *number == 0) return Wrong("the port is no number from 1 to 65535");
  settings.port = *number;
  return {};
}

base::Status ParseUser(std::string_view text, Settings& settings) {
  const std::size_t colon = text.find(':');
  ASSIGN_OR_RETURN(settings.username, base::PercentDecodePath(text.substr(0, colon)));
  settings.password.clear();
  if (colon == std::string_view::npos) return {};
  ASSIGN_OR_RETURN(settings.password, base::PercentDecodePath(text.substr(colon + 1)));
  return {};
}

// One URI from whichever fields are given.
base::Result<Settings> ReadServer(const config::Properties& properties) {
  const auto uri = properties.Find({"connectionString", "host"});
  if (uri && !base::Trim(*uri).empty()) {
    auto settings = ParseUri(base::Trim(*uri));
    if (!settings) {
      return base::Fail(properties.Invalid(
          "connectionString",
          StrCat("amqp://user:password@host:port/vhost (", settings.error().message, ")")));
    }
    return settings;
  }
  const std::string hostname = properties.Get("hostname");
  if (base::Trim(hostname).empty()) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", properties.component(),
                             ": missing RabbitMQ host: set connectionString to "
                             "amqp://user:password@host:port, or hostname"));
  }
  const std::string protocol = base::ToLower(base::Trim(properties.Get("protocol", "amqp")));
  if (!protocol.empty() && protocol != "amqp" && protocol != "amqps") {
    return base::Fail(properties.Invalid("protocol", "amqp or amqps"));
  }
  Settings settings;
  settings.tls = protocol == "amqps";
  if (!ParseHostAndPort(base::Trim(hostname), settings)) {
    return base::Fail(properties.Invalid("hostname", "a host, or host:port"));
  }
  if (properties.Has("username")) {
    settings.username = properties.Get("username");
    settings.password = properties.Get("password");
  }
  return settings;
}

}  // namespace

std::string Settings::Server() const {
  if (host.find(':') != std::string::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

base::Result<Settings> ParseUri(std::string_view uri) {
  Settings settings;
  if (base::StartsWithIgnoreCase(uri, "amqps://")) {
    settings.tls = true;
    uri.remove_prefix(8);
  } else if (base::StartsWithIgnoreCase(uri, "amqp://")) {
    uri.remove_prefix(7);
  } else {
    return Wrong("it begins with neither amqp:// nor amqps://");
  }
  uri = uri.substr(0, uri.find_first_of("?#"));
  const std::size_t slash = uri.find('/');
  std::string_view authority = uri.substr(0, slash);
  // "/" alone is the default one, as are a missing path and "%2F".
  if (slash != std::string_view::npos && slash + 1 < uri.size()) {
    ASSIGN_OR_RETURN(settings.vhost, base::PercentDecodePath(uri.substr(slash + 1)));
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    RETURN_IF_ERROR(ParseUser(authority.substr(0, at), settings));
    authority.remove_prefix(at + 1);
  }
  RETURN_IF_ERROR(ParseHostAndPort(authority, settings));
  if (settings.vhost.size() > 255) return Wrong("the vhost is longer than 255 bytes");
  return settings;
}

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  ASSIGN_OR_RETURN(Settings settings, ReadServer(properties));
  settings.ca_pem = properties.Get("caCert");
  settings.certificate_pem = properties.Get("clientCert");
  settings.key_pem = properties.Get("clientKey");
  settings.external =
      base::ParseBoolTruthy(properties.Find({"saslExternal", "externalSasl"}).value_or("false"));
  if (settings.certificate_pem.empty() != settings.key_pem.empty()) {
    return base::Fail(properties.Invalid(settings.key_pem.empty() ? "clientKey" : "clientCert",
                                         "PEM text: clientCert and clientKey go together"));
  }
  if (settings.external && (!settings.tls || settings.certificate_pem.empty())) {
    return base::Fail(properties.Invalid(
        "saslExternal",
        "false, or true with an amqps:// connectionString, clientCert and clientKey"));
  }
  settings.client_name = properties.Get("clientName");
  return settings;
}

std::vector<Field> ConnectionFields() {
  return {
      {.name = "connectionString",
       .secret = true,
       .description = "`amqp://user:password@host:port/vhost`, with TLS `amqps://…`. Special "
                      "characters are percent-encoded; no path means the vhost `/`.",
       .aliases = {"host"}},
      {.name = "hostname",
       .description = "`host` or `host:port`, where there is no connectionString."},
      {.name = "protocol",
       .default_value = "amqp",
       .description = "With hostname: `amqp`, or `amqps` for TLS.",
       .allowed = {"amqp", "amqps"}},
      {.name = "username", .default_value = "guest", .description = "With hostname."},
      {.name = "password", .secret = true, .description = "With hostname."},
      {.name = "caCert",
       .description = "PEM of the authority the broker's certificate comes from. Without it the "
                      "system's authorities are trusted."},
      {.name = "clientCert", .secret = true, .description = "PEM of our certificate."},
      {.name = "clientKey", .secret = true, .description = "PEM of its private key."},
      {.name = "saslExternal",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "The broker takes the user from our certificate (SASL EXTERNAL)."},
      {.name = "clientName",
       .description = "Name of our connections in the broker's management pages."}};
}

}  // namespace components::rabbitmq
