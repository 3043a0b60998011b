#include "components/nameresolution/sqlite/settings.hpp"

namespace components::nameresolution::sqlite {

using components::sqlite::Database;
using components::sqlite::ReadDuration;

namespace {

constexpr std::chrono::seconds kDefaultTimeout(1);
constexpr std::chrono::milliseconds kDefaultBusyTimeout(800);
constexpr std::chrono::seconds kDefaultUpdateInterval(5);
constexpr std::chrono::hours kDefaultCleanupInterval(1);
constexpr std::chrono::hours kLongest(24);

}  // namespace

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  Settings settings;
  ASSIGN_OR_RETURN(settings.target, components::sqlite::ReadTarget(properties));
  if (settings.target.read_only) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "connectionString must not have the option mode=ro or immutable=1: name "
                      "resolution has to write to the file");
  }
  ASSIGN_OR_RETURN(settings.timeout,
                   ReadDuration(properties, "timeout", "timeoutInSeconds", kDefaultTimeout));
  if (settings.timeout < std::chrono::milliseconds(1) || settings.timeout > kLongest) {
    return base::Fail(properties.Invalid("timeout", "more than 0s and at most 24h"));
  }
  ASSIGN_OR_RETURN(settings.busy_timeout,
                   components::sqlite::ReadBusyTimeout(properties, kDefaultBusyTimeout));
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds update,
                   ReadDuration(properties, "updateInterval", "", kDefaultUpdateInterval));
  // The table counts in whole seconds.
  if (update % std::chrono::seconds(1) != std::chrono::nanoseconds(0) || update > kLongest) {
    return base::Fail(properties.Invalid("updateInterval", "whole seconds, at most 24h"));
  }
  if (update - settings.timeout < std::chrono::seconds(1)) {
    return base::Fail(
        properties.Invalid("updateInterval", "at least one second more than the field timeout"));
  }
  settings.update_interval = std::chrono::duration_cast<std::chrono::seconds>(update);
  ASSIGN_OR_RETURN(settings.cleanup_interval,
                   ReadDuration(properties, "cleanupInterval", "cleanupIntervalInSeconds",
                                kDefaultCleanupInterval));
  settings.wal = !properties.Bool("disableWAL", false) && !settings.target.memory;
  ASSIGN_OR_RETURN(settings.tables, components::sqlite::ReadTables(properties, "hosts"));
  return settings;
}

base::Result<std::unique_ptr<Database>> OpenDatabase(const Settings& settings) {
  return Database::Open(settings.target,
                        {.busy_timeout = settings.busy_timeout, .wal = settings.wal});
}

}  // namespace components::nameresolution::sqlite
