#include "components/mqtt/settings.hpp"

#include <algorithm>
#include <array>

#include "base/strings.hpp"
#include "components/mqtt/packet.hpp"
#include "telemetry/log.hpp"

namespace components::mqtt {

using base::Kind;
using base::StrCat;

namespace {

constexpr uint16_t kPlainPort = 1883;
constexpr uint16_t kTlsPort = 8883;
constexpr std::array<std::string_view, 2> kPlainSchemes = {"mqtt", "tcp"};
constexpr std::array<std::string_view, 5> kTlsSchemes = {"mqtts", "ssl", "tls", "tcps", "mqtt+ssl"};

base::Error BadUrl(const config::Properties& properties) {
  return properties.Invalid("url",
                            "mqtt://user:password@host:1883 (or mqtts:// for TLS, port 8883); "
                            "web sockets are not supported");
}

bool Contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// "host", "host:port", "[v6]:port".
base::Status ReadHost(std::string_view text, Settings& settings) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return base::Fail(Kind::kInvalidArgument, "no ]");
    settings.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    settings.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    const auto number =
        port.front() == ':' ? base::ParseUint<uint16_t>(port.substr(1)) : std::nullopt;
    if (!number || *number == 0) return base::Fail(Kind::kInvalidArgument, "not a port");
    settings.port = *number;
  }
  if (settings.host.empty()) return base::Fail(Kind::kInvalidArgument, "no host");
  return {};
}

base::Status ReadIdentity(std::string_view text, Settings& settings) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  ASSIGN_OR_RETURN(settings.username, base::PercentDecodePath(text.substr(0, colon)));
  if (colon < text.size()) {
    ASSIGN_OR_RETURN(settings.password, base::PercentDecodePath(text.substr(colon + 1)));
  }
  if (settings.username.size() > kMaxString || settings.password.size() > kMaxString) {
    return base::Fail(Kind::kInvalidArgument, "too long");
  }
  return {};
}

// Whether the scheme asks for TLS.
base::Result<bool> ReadUrl(std::string_view url, Settings& settings) {
  const std::size_t mark = url.find("://");
  if (mark == std::string_view::npos) return base::Fail(Kind::kInvalidArgument, "no scheme");
  const std::string scheme = base::ToLower(url.substr(0, mark));
  const bool tls = Contains(kTlsSchemes, scheme);
  if (!tls && !Contains(kPlainSchemes, scheme)) {
    return base::Fail(Kind::kInvalidArgument, "unknown scheme");
  }
  settings.port = tls ? kTlsPort : kPlainPort;
  std::string_view rest = url.substr(mark + 3);
  // A password may hold any character but one that ends it in a URL; the last @ counts.
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    RETURN_IF_ERROR(ReadIdentity(rest.substr(0, at), settings));
    rest = rest.substr(at + 1);
  }
  RETURN_IF_ERROR(ReadHost(rest.substr(0, rest.find_first_of("/?#")), settings));
  return tls;
}

}  // namespace

std::string Settings::Name() const {
  const bool v6 = host.find(':') != std::string::npos;
  return StrCat("mqtt broker at ", v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

base::Result<Settings> ReadSettings(const config::Properties& properties, bool clean_session) {
  Settings settings;
  ASSIGN_OR_RETURN(const std::string url, properties.Require("url"));
  // The error of the parts could show a password.
  const auto secure = ReadUrl(base::Trim(url), settings);
  if (!secure) return base::Fail(BadUrl(properties));
  settings.clean_session = properties.Bool("cleanSession", clean_session);
  const std::string certificate = properties.Get("clientCert");
  const std::string key = properties.Get("clientKey");
  if (certificate.empty() != key.empty()) {
    return base::Fail(properties.Invalid(key.empty() ? "clientKey" : "clientCert",
                                         "given: clientCert and clientKey are needed together"));
  }
  const std::string authority = properties.Get("caCert");
  if (!*secure) {
    if (!authority.empty() || !certificate.empty()) {
      telemetry::Log("dapr.contrib")
          .Warning(StrCat("component ", properties.component(),
                          ": caCert and clientCert mean nothing without TLS, and the scheme of url "
                          "asks for none: use mqtts://"));
    }
    return settings;
  }
  auto tls = net::TlsContext::Client({.ca_pem = authority, .identity = {certificate, key}});
  if (!tls) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", properties.component(),
                             ": caCert, clientCert or clientKey: ", tls.error().message));
  }
  settings.tls = *std::move(tls);
  return settings;
}

std::vector<contracts::Field> ConnectionFields(bool clean_session) {
  using contracts::FieldType;
  return {{.name = "url",
           .secret = true,
           .required = true,
           .description =
               "The broker: `mqtt://user:password@host:1883`, or `mqtts://` (`ssl://`, `tls://`) "
               "with TLS and port 8883. Special characters of user and password are "
               "percent-encoded."},
          {.name = "cleanSession",
           .type = FieldType::kBool,
           .default_value = clean_session ? "true" : "false",
           .description = "Have the broker forget everything about this client when its connection "
                          "ends: what is published until it is back is lost to it."},
          {.name = "caCert",
           .description = "PEM of the authorities to trust; the system's without it."},
          {.name = "clientCert", .description = "PEM of our certificate, for mutual TLS."},
          {.name = "clientKey", .secret = true, .description = "PEM of its private key."}};
}

}  // namespace components::mqtt
