#include "components/postgres/settings.hpp"

#include <algorithm>
#include <array>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::postgres {

using contracts::FieldType;

namespace {

constexpr std::array kExecModes = {"cache_statement", "cache_describe", "describe_exec", "exec",
                                   "simple_protocol"};

base::Status RefuseCloudIdentity(const config::Properties& properties, std::string_view field) {
  if (!properties.Bool(field, false)) return {};
  return base::Fail(base::Kind::kUnimplemented,
                    base::StrCat("component ", properties.component(), ": ", field,
                                 " is not supported: give user and password in connectionString"));
}

}  // namespace

base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name, std::string_view alias,
                                                    std::chrono::nanoseconds fallback) {
  if (!alias.empty() && !properties.Has(name)) name = alias;
  const std::string text = properties.Get(name);
  if (text.empty()) return fallback;
  if (auto parsed = base::ParseDuration(base::Trim(text))) return *parsed;
  return properties.Duration(name, fallback, config::BareNumber::kSeconds);
}

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  Settings settings;
  RETURN_IF_ERROR(RefuseCloudIdentity(properties, "useAzureAD"));
  RETURN_IF_ERROR(RefuseCloudIdentity(properties, "useAWSIAM"));
  const TargetFields fields{.host = properties.Get("host"),
                            .hostaddr = properties.Get("hostaddr"),
                            .port = properties.Get("port"),
                            .database = properties.Get("database"),
                            .user = properties.Get("user"),
                            .password = properties.Get("password"),
                            .ssl_root_cert = properties.Get("sslRootCert")};
  ASSIGN_OR_RETURN(
      settings.target,
      ParseConnectionString(
          properties.Find({"connectionString", "url"}).value_or(std::string_view()), fields));
  ASSIGN_OR_RETURN(settings.timeout,
                   ReadDuration(properties, "timeout", "timeoutInSeconds", settings.timeout));
  if (settings.timeout < std::chrono::seconds(1)) {
    return base::Fail(properties.Invalid("timeout", "at least 1s"));
  }
  settings.timeout = std::min<std::chrono::nanoseconds>(settings.timeout, std::chrono::hours(24));
  const std::chrono::nanoseconds idle = settings.target.max_idle_time.value_or(settings.idle_time);
  ASSIGN_OR_RETURN(settings.idle_time, ReadDuration(properties, "connectionMaxIdleTime", "", idle));
  if (settings.idle_time.count() <= 0) settings.idle_time = idle;
  ASSIGN_OR_RETURN(const int64_t connections, properties.Int("maxConns", 0, INT32_MIN, INT32_MAX));
  settings.max_connections = static_cast<int>(
      connections > 0 ? connections : static_cast<int64_t>(settings.target.max_connections));
  std::string mode = properties.Get("queryExecMode");
  if (mode.empty()) mode = settings.target.exec_mode;
  if (!mode.empty() &&
      !std::ranges::any_of(kExecModes, [&](const char* known) { return mode == known; })) {
    return base::Fail(
        properties.Invalid("queryExecMode", base::StrCat("one of ", base::Join(kExecModes, ", "))));
  }
  settings.prepare = mode.empty() || mode == "cache_statement";
  return settings;
}

std::vector<contracts::Field> SettingsFields() {
  return {
      {.name = "connectionString",
       .secret = true,
       .description =
           "Where the database is and how to sign in: a URL "
           "(`postgres://user:password@host:5432/database?sslmode=require`) or a list of pairs "
           "(`host=… port=5432 user=… password=… dbname=… sslmode=…`). Several hosts may stand "
           "separated by commas, with `target_session_attrs`. Options of the Go driver's pool "
           "are accepted; other names are settings of the server's session (`search_path`). "
           "Required unless `host` is given.",
       .aliases = {"url"}},
      {.name = "host",
       .description = "Host name, or the folder of a Unix socket; wins over connectionString."},
      {.name = "hostaddr", .description = "IP address to connect to instead of looking up host."},
      {.name = "port", .description = "Port; wins over connectionString."},
      {.name = "database", .description = "Database; wins over connectionString."},
      {.name = "user", .description = "User; wins over connectionString."},
      {.name = "password", .secret = true, .description = "Password; wins over connectionString."},
      {.name = "sslRootCert",
       .description =
           "File with the authorities that may have signed the server's certificate. With "
           "`sslmode=verify-ca` or `verify-full` and no file, those of the system."},
      {.name = "timeout",
       .type = FieldType::kDuration,
       .default_value = "20s",
       .description = "Longest time one operation may take, on the server too.",
       .aliases = {"timeoutInSeconds"}},
      {.name = "maxConns",
       .type = FieldType::kNumber,
       .default_value = "0",
       .description =
           "Most connections to the server; each thread may open one even if that is more. 0 "
           "means up to 3 for each thread, of which those beyond the first are opened when "
           "writes need them."},
      {.name = "connectionMaxIdleTime",
       .type = FieldType::kDuration,
       .default_value = "30m",
       .description = "Unused connections are closed after this time."},
      {.name = "queryExecMode",
       .default_value = "cache_statement",
       .description =
           "How statements are sent. `cache_statement` keeps them prepared on the server, the "
           "others do not: use one of those behind a pooler in transaction mode.",
       .allowed = {"cache_statement", "cache_describe", "describe_exec", "exec",
                   "simple_protocol"}},
      {.name = "useAzureAD",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Not supported; `true` is refused."},
      {.name = "useAWSIAM",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Not supported; `true` is refused."},
  };
}

}  // namespace components::postgres
