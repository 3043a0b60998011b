// The `connectionString` of PostgreSQL components, in the forms that Dapr's Go driver (pgx) takes:
// a URL (postgres://user:password@host1:5432,host2/database?option=value) or a list of key=value
// pairs. Pure functions; any thread.
//
// The text holds a password, so no error repeats any part of it but the names of its options.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace components::postgres {

/// One place where a server may be.
struct Host {
  std::string name;     // a name, an IP address, or a folder that holds a Unix socket ("/…")
  std::string address;  // the IP to dial in place of looking `name` up; usually empty
  std::string port = "5432";

  bool is_unix() const { return name.starts_with('/') || name.starts_with('@'); }
  std::string ToString() const;
};

struct Target {
  std::vector<Host> hosts;  // tried in this order; never empty
  /// Options for libpq by its own names (user, password, dbname, sslmode …), without hosts.
  std::vector<std::pair<std::string, std::string>> options;
  /// Settings for the server's session (search_path …).
  std::vector<std::pair<std::string, std::string>> session;
  // What the text says about the pool.
  int max_connections = 0;                                // 0 = not said
  std::optional<std::chrono::nanoseconds> max_idle_time;  // none = not said
  std::string exec_mode;                                  // default_query_exec_mode
  std::chrono::seconds connect_timeout{0};                // for each host; 0 = not said
  std::string session_attributes;                         // target_session_attrs, "any" if not said

  const std::string* Find(std::string_view option) const;
  void Set(std::string_view option, std::string value);
};

/// What a component's own fields say; they win over the text.
struct TargetFields {
  std::string host, hostaddr, port, database, user, password, ssl_root_cert;
};

/// kInvalidArgument with the wrong option and the mend.
base::Result<Target> ParseConnectionString(std::string_view text, const TargetFields& fields);

}  // namespace components::postgres
