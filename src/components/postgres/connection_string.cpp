#include "components/postgres/connection_string.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;
using Pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

// Options that libpq knows by the same name.
constexpr std::array kLibraryOptions = {"user",
                                        "password",
                                        "passfile",
                                        "dbname",
                                        "options",
                                        "application_name",
                                        "fallback_application_name",
                                        "keepalives",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "sslmode",
                                        "sslcert",
                                        "sslkey",
                                        "sslpassword",
                                        "sslrootcert",
                                        "sslcrl",
                                        "sslcrldir",
                                        "sslsni",
                                        "requirepeer",
                                        "ssl_min_protocol_version",
                                        "ssl_max_protocol_version",
                                        "channel_binding"};
// Options of the Go driver and of libpq that mean nothing here.
constexpr std::array kIgnored = {"client_encoding",
                                 "gssencmode",
                                 "krbsrvname",
                                 "krbspn",
                                 "gsslib",
                                 "sslcompression",
                                 "sslinline",
                                 "sslnegotiation",
                                 "load_balance_hosts",
                                 "statement_cache_capacity",
                                 "description_cache_capacity",
                                 "min_read_buffer_size",
                                 "pool_min_conns",
                                 "pool_min_idle_conns",
                                 "pool_max_conn_lifetime",
                                 "pool_max_conn_lifetime_jitter",
                                 "pool_health_check_period"};
constexpr std::array kSslModes = {"disable", "allow",     "prefer",
                                  "require", "verify-ca", "verify-full"};
constexpr std::array kSessionAttributes = {"any",     "read-write", "read-only",
                                           "primary", "standby",    "prefer-standby"};

template <class List>
bool Contains(const List& list, std::string_view text) {
  return std::ranges::any_of(list, [text](const char* one) { return text == one; });
}

std::unexpected<base::Error> Wrong(std::string_view what) {
  return base::Fail(Kind::kInvalidArgument, StrCat("connectionString ", what));
}

// Blanks and backslashes inside, quotes around; `key = 'va\'lue'`.
base::Result<Pairs> ParseKeyValues(std::string_view text) {
  Pairs pairs;
  std::size_t i = 0;
  const auto skip = [&] {
    while (i < text.size() && base::IsSpace(text[i])) ++i;
  };
  for (skip(); i < text.size(); skip()) {
    const std::size_t start = i;
    while (i < text.size() && text[i] != '=' && !base::IsSpace(text[i])) ++i;
    std::string key(text.substr(start, i - start));
    skip();
    if (i >= text.size() || text[i] != '=' || key.empty()) {
      return Wrong("must be a postgres:// URL or a list of key=value pairs");
    }
    ++i;
    skip();
    std::string value;
    if (i < text.size() && text[i] == '\'') {
      for (++i; i < text.size() && text[i] != '\''; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        value += text[i];
      }
      if (i >= text.size()) return Wrong("has a quote that is not closed");
      ++i;
    } else {
      for (; i < text.size() && !base::IsSpace(text[i]); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        value += text[i];
      }
    }
    pairs.emplace_back(std::move(key), std::move(value));
  }
  return pairs;
}

base::Result<std::string> Unescape(std::string_view part, std::string_view what) {
  base::Result<std::string> plain = base::PercentDecodePath(part);
  if (plain && plain->find('\0') == std::string::npos) return plain;
  return Wrong(StrCat("has a wrong escape in its ", what, ": write % as %25"));
}

// host[:port], [v6]:port or an escaped folder; appends to the comma lists.
base::Status SplitAuthority(std::string_view list, std::string& hosts, std::string& ports) {
  bool first = true;
  for (std::string_view one : base::SplitView(list, ',')) {
    if (!std::exchange(first, false)) {
      hosts += ',';
      ports += ',';
    }
    std::string_view host = one;
    if (one.starts_with('[')) {
      const std::size_t end = one.find(']');
      if (end == std::string_view::npos) return Wrong("has a '[' without ']'");
      host = one.substr(1, end - 1);
      one.remove_prefix(end + 1);
      if (!one.empty() && one.front() != ':') return Wrong("has text after an IPv6 address");
      if (!one.empty()) ports += one.substr(1);
    } else if (const std::size_t colon = one.rfind(':'); colon != std::string_view::npos) {
      host = one.substr(0, colon);
      ports += one.substr(colon + 1);
    }
    ASSIGN_OR_RETURN(const std::string plain, Unescape(host, "host"));
    hosts += plain;
  }
  return {};
}

base::Result<Pairs> ParseUrl(std::string_view text) {
  Pairs pairs;
  text.remove_prefix(text.find("://") + 3);
  const std::size_t question = text.find('?');
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : text.substr(question + 1);
  text = text.substr(0, question);
  const std::size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t colon = who.find(':');
    ASSIGN_OR_RETURN(std::string user, Unescape(who.substr(0, colon), "user"));
    if (!user.empty()) pairs.emplace_back("user", std::move(user));
    if (colon != std::string_view::npos) {
      ASSIGN_OR_RETURN(std::string password, Unescape(who.substr(colon + 1), "password"));
      pairs.emplace_back("password", std::move(password));
    }
  }
  if (!authority.empty()) {
    std::string hosts, ports;
    RETURN_IF_ERROR(SplitAuthority(authority, hosts, ports));
    pairs.emplace_back("host", std::move(hosts));
    if (std::ranges::any_of(ports, [](char c) { return c != ','; })) {
      pairs.emplace_back("port", std::move(ports));
    }
  }
  if (slash != std::string_view::npos && slash + 1 < text.size()) {
    ASSIGN_OR_RETURN(std::string database, Unescape(text.substr(slash + 1), "database"));
    pairs.emplace_back("dbname", std::move(database));
  }
  for (std::string_view option : base::SplitView(query, '&')) {
    if (option.empty()) continue;
    const std::size_t equals = option.find('=');
    const auto name = base::PercentDecodeQuery(option.substr(0, equals));
    const auto value = base::PercentDecodeQuery(
        equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1));
    if (!name || !value) return Wrong("has a wrong escape in its options: write % as %25");
    pairs.emplace_back(*name, *value);
  }
  return pairs;
}

std::string DefaultHost() {
  if (const char* host = std::getenv("PGHOST"); host && *host) return host;
  struct stat status{};
  for (const char* folder : {"/var/run/postgresql", "/tmp"}) {
    if (stat(StrCat(folder, "/.s.PGSQL.5432").c_str(), &status) == 0) return folder;
  }
  return "localhost";
}

base::Status SetHosts(Target& target, const std::string& names, const std::string& addresses,
                      const std::string& ports) {
  const std::vector<std::string> name = base::Split(names, ',');
  const std::vector<std::string> address = base::Split(addresses, ',');
  const std::vector<std::string> port = base::Split(ports, ',');
  const std::size_t count = names.empty() ? address.size() : name.size();
  if (!names.empty() && !addresses.empty() && name.size() != address.size()) {
    return Wrong("must give as many values of hostaddr as of host");
  }
  if (port.size() != 1 && port.size() != count) {
    return Wrong("must give one port, or as many ports as hosts");
  }
  for (std::size_t i = 0; i < count; ++i) {
    Host host;
    if (!names.empty()) host.name = base::Trim(name[i]);
    if (!addresses.empty()) host.address = base::Trim(address[i]);
    if (host.name.empty() && host.address.empty()) host.name = DefaultHost();
    const std::string_view number = base::Trim(port[port.size() == 1 ? 0 : i]);
    if (!number.empty()) host.port = number;
    const auto value = base::ParseUint<uint16_t>(host.port);
    if (!value || *value == 0) return Wrong("has a port that is not a number from 1 to 65535");
    target.hosts.push_back(std::move(host));
  }
  return {};
}

base::Result<int64_t> Seconds(std::string_view name, const std::string& value) {
  const auto number = base::ParseInt<int64_t>(value);
  if (number && *number >= 0 && *number <= 1'000'000) return *number;
  return Wrong(StrCat("has a wrong value of ", name, ": give a whole number"));
}

}  // namespace

std::string Host::ToString() const {
  if (is_unix()) return StrCat(name, "/.s.PGSQL.", port);
  const std::string& shown = name.empty() ? address : name;
  return shown.find(':') == std::string::npos ? StrCat(shown, ":", port)
                                              : StrCat("[", shown, "]:", port);
}

const std::string* Target::Find(std::string_view option) const {
  for (const auto& [name, value] : options) {
    if (name == option) return &value;
  }
  return nullptr;
}

void Target::Set(std::string_view option, std::string value) {
  for (auto& [name, old] : options) {
    if (name == option) {
      old = std::move(value);
      return;
    }
  }
  options.emplace_back(option, std::move(value));
}

base::Result<Target> ParseConnectionString(std::string_view text, const TargetFields& fields) {
  text = base::Trim(text);
  const bool has_fields = !fields.host.empty() || !fields.hostaddr.empty();
  if (text.empty() && !has_fields) {
    return base::Fail(Kind::kInvalidArgument,
                      "missing connection string: set the metadata field connectionString, for "
                      "example to host=localhost user=postgres password=… dbname=postgres");
  }
  const bool url = base::StartsWithIgnoreCase(text, "postgres://") ||
                   base::StartsWithIgnoreCase(text, "postgresql://");
  ASSIGN_OR_RETURN(const Pairs pairs, url ? ParseUrl(text) : ParseKeyValues(text));

  Target target;
  target.session_attributes = "any";
  std::string hosts, addresses, ports;
  if (const char* port = std::getenv("PGPORT")) ports = port;
  for (const auto& [raw, value] : pairs) {
    const std::string_view name = raw == "database" ? std::string_view("dbname") : raw;
    if (name == "host") {
      hosts = value;
    } else if (name == "hostaddr") {
      addresses = value;
    } else if (name == "port") {
      ports = value;
    } else if (name == "connect_timeout") {
      ASSIGN_OR_RETURN(const int64_t seconds, Seconds(name, value));
      target.connect_timeout = std::chrono::seconds(seconds);
    } else if (name == "pool_max_conns") {
      ASSIGN_OR_RETURN(const int64_t count, Seconds(name, value));
      target.max_connections = static_cast<int>(count);
    } else if (name == "pool_max_conn_idle_time") {
      const auto idle = base::ParseDuration(value);
      if (!idle) return Wrong("has a wrong value of pool_max_conn_idle_time: write 30m");
      target.max_idle_time = *idle;
    } else if (name == "default_query_exec_mode") {
      target.exec_mode = value;
    } else if (name == "target_session_attrs") {
      if (!Contains(kSessionAttributes, value)) {
        return Wrong(StrCat("has a wrong value of target_session_attrs: use one of ",
                            base::Join(kSessionAttributes, ", ")));
      }
      target.session_attributes = value;
    } else if (name == "service" || name == "servicefile") {
      return Wrong("must not name a service: write the host and the database out");
    } else if (Contains(kLibraryOptions, name)) {
      if (name == "sslmode" && !Contains(kSslModes, value)) {
        return Wrong(
            StrCat("has a wrong value of sslmode: use one of ", base::Join(kSslModes, ", ")));
      }
      target.Set(name, value);
    } else if (!Contains(kIgnored, name)) {
      if (!std::ranges::all_of(name, [](char c) {
            return base::IsDigit(c) || c == '_' || c == '.' ||
                   (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z');
          })) {
        return Wrong("has an option whose name is no word");
      }
      target.session.emplace_back(name, value);
    }
  }
  if (!fields.host.empty()) {
    hosts = fields.host;
    addresses.clear();
  }
  if (!fields.hostaddr.empty()) addresses = fields.hostaddr;
  if (!fields.port.empty()) ports = fields.port;
  if (!fields.database.empty()) target.Set("dbname", fields.database);
  if (!fields.user.empty()) target.Set("user", fields.user);
  if (!fields.password.empty()) target.Set("password", fields.password);
  if (!fields.ssl_root_cert.empty()) target.Set("sslrootcert", fields.ssl_root_cert);
  RETURN_IF_ERROR(SetHosts(target, hosts, addresses, ports));
  return target;
}

}  // namespace components::postgres
