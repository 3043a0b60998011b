#include "components/redis/settings.hpp"

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::redis {

using base::Kind;
using base::StrCat;
using std::chrono::nanoseconds;

namespace {

constexpr std::chrono::seconds kDialTimeout(5);
constexpr std::chrono::seconds kReadTimeout(3);
// In place of "no timeout": nothing may wait for ever.
constexpr std::chrono::seconds kLongest(60);
constexpr int kDefaultRetries = 3;

// A duration, or a bare number of milliseconds; a negative number means `off`, none or 0 the
// default.
base::Result<nanoseconds> ReadTime(const config::Properties& properties, std::string_view name,
                                   nanoseconds fallback, nanoseconds off) {
  ASSIGN_OR_RETURN(const nanoseconds time,
                   properties.Duration(name, fallback, config::BareNumber::kMilliseconds));
  if (time.count() < 0) return off;
  return time.count() == 0 ? fallback : time;
}

base::Status ReadRetries(const config::Properties& properties, const SettingsDefaults& defaults,
                         Settings& settings) {
  const std::string_view name =
      properties.Has("redisMaxRetries") ? "redisMaxRetries" : "maxRetries";
  ASSIGN_OR_RETURN(const int64_t retries, properties.Int(name, kDefaultRetries, -1, 1000));
  settings.max_retries =
      retries == 0 ? kDefaultRetries : static_cast<int>(std::max<int64_t>(0, retries));
  ASSIGN_OR_RETURN(settings.min_retry, ReadTime(properties, "redisMinRetryInterval",
                                                defaults.min_retry, nanoseconds(0)));
  ASSIGN_OR_RETURN(settings.max_retry, ReadTime(properties, "redisMaxRetryInterval",
                                                defaults.max_retry, nanoseconds(0)));
  if (properties.Has("maxRetryBackoff") && !properties.Has("redisMaxRetryInterval")) {
    // The older field counts nanoseconds where it is a bare number.
    const std::string text = properties.Get("maxRetryBackoff");
    if (const auto bare = base::ParseInt<int64_t>(base::Trim(text))) {
      settings.max_retry = nanoseconds(std::max<int64_t>(0, *bare));
    } else {
      ASSIGN_OR_RETURN(settings.max_retry,
                       ReadTime(properties, "maxRetryBackoff", defaults.max_retry, nanoseconds(0)));
    }
  }
  return {};
}

base::Status ReadServers(const config::Properties& properties, Settings& settings) {
  const std::string hosts = properties.Get("redisHost");
  ASSIGN_OR_RETURN(const int64_t port, properties.Int("redisPort", 6379, 1, 65535));
  for (const std::string& one : base::SplitTrimmed(hosts, ',')) {
    auto endpoint = ParseEndpoint(one, static_cast<uint16_t>(port));
    if (!endpoint) return base::Fail(properties.Invalid("redisHost", "host:port"));
    settings.endpoints.push_back(*std::move(endpoint));
  }
  if (settings.endpoints.empty()) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", properties.component(),
                             ": missing host address: set redisHost to host:port"));
  }
  const std::string type = base::ToLower(base::Trim(properties.Get("redisType")));
  if (!type.empty() && type != "node" && type != "cluster") {
    return base::Fail(properties.Invalid("redisType", "node or cluster"));
  }
  if (type == "cluster") settings.topology = Topology::kCluster;
  if (properties.Bool("failover", false)) {
    settings.master_name = base::Trim(properties.Get("sentinelMasterName"));
    if (settings.topology == Topology::kCluster) {
      return base::Fail(properties.Invalid(
          "failover", "false with redisType cluster, which follows its masters by itself"));
    }
    if (settings.master_name.empty()) {
      return base::Fail(
          properties.Invalid("sentinelMasterName", "the name of the master (failover is on)"));
    }
    settings.topology = Topology::kSentinel;
  }
  if (settings.topology == Topology::kNode && settings.endpoints.size() > 1) {
    return base::Fail(properties.Invalid(
        "redisHost", "one host:port, unless redisType is cluster or failover is on"));
  }
  return {};
}

}  // namespace

std::string Endpoint::ToString() const {
  if (host.find(':') != std::string::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

base::Result<Endpoint> ParseEndpoint(std::string_view text, uint16_t port) {
  Endpoint endpoint{.host = {}, .port = port};
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return base::Fail(Kind::kInvalidArgument, "no ]");
    endpoint.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    endpoint.host = text.substr(0, colon);
    rest = text.substr(colon);
  } else {
    endpoint.host = text;  // a name, or an IPv6 address without a port
  }
  if (!rest.empty()) {
    const auto number =
        rest.front() == ':' ? base::ParseUint<uint16_t>(rest.substr(1)) : std::nullopt;
    if (!number || *number == 0) return base::Fail(Kind::kInvalidArgument, "not a port");
    endpoint.port = *number;
  }
  if (endpoint.host.empty()) return base::Fail(Kind::kInvalidArgument, "no host");
  return endpoint;
}

std::string Settings::Servers() const {
  std::vector<std::string> texts;
  for (const Endpoint& endpoint : endpoints) texts.push_back(endpoint.ToString());
  return base::Join(texts, ",");
}

base::Result<Settings> ReadSettings(const config::Properties& properties,
                                    const SettingsDefaults& defaults) {
  Settings settings;
  RETURN_IF_ERROR(ReadServers(properties, settings));
  RETURN_IF_ERROR(ReadRetries(properties, defaults, settings));
  ASSIGN_OR_RETURN(const int64_t db, properties.Int("redisDB", 0, 0, 1'000'000));
  settings.db = static_cast<int>(db);
  settings.username = properties.Get("redisUsername");
  settings.password = properties.Get("redisPassword");
  settings.sentinel_username = properties.Get("sentinelUsername");
  settings.sentinel_password = properties.Get("sentinelPassword");
  settings.tls = properties.Bool("enableTLS", false);
  settings.skip_verify = properties.Bool("insecureSkipTLSVerify", false);
  settings.client_certificate_pem = properties.Get("clientCert");
  settings.client_key_pem = properties.Get("clientKey");
  if (settings.client_certificate_pem.empty() != settings.client_key_pem.empty()) {
    return base::Fail(
        properties.Invalid(settings.client_key_pem.empty() ? "clientKey" : "clientCert",
                           "given: clientCert and clientKey are needed together"));
  }
  ASSIGN_OR_RETURN(settings.dial_timeout,
                   ReadTime(properties, "dialTimeout", kDialTimeout, kLongest));
  ASSIGN_OR_RETURN(settings.read_timeout,
                   ReadTime(properties, "readTimeout", kReadTimeout, kLongest));
  if (properties.Bool("useEntraID", false)) {
    return base::Fail(
        properties.Invalid("useEntraID",
                           "false: this runtime cannot get Entra ID tokens; use redisUsername and "
                           "redisPassword"));
  }
  return settings;
}

}  // namespace components::redis
