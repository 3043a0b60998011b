// The metadata fields that all PostgreSQL components have in common. Any thread.
#pragma once

#include <chrono>
#include <vector>

#include "base/result.hpp"
#include "components/postgres/connection_string.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"

namespace components::postgres {

struct Settings {
  Target target;
  std::chrono::nanoseconds timeout = std::chrono::seconds(20);
  std::chrono::nanoseconds idle_time = std::chrono::minutes(30);  // 0 = connections are kept
  int max_connections = 0;  // over all loops, but each may have one; 0 = a few on each loop
  bool prepare = true;      // false for poolers that give each transaction another server session
};

/// kInvalidArgument with the field and the mend; never with a value.
base::Result<Settings> ReadSettings(const config::Properties& properties);

/// The fields ReadSettings reads.
std::vector<contracts::Field> SettingsFields();

/// A duration ("20s") or, as older manifests write it, a number of seconds. `alias` may be empty.
base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name, std::string_view alias,
                                                    std::chrono::nanoseconds fallback);

}  // namespace components::postgres
