#include "components/sqlite/fields.hpp"
#include "components/state/sqlite/store.hpp"

namespace components::state::sqlite {

using components::sqlite::ReadDuration;

namespace {

constexpr std::chrono::seconds kDefaultTimeout(20);
constexpr std::chrono::seconds kDefaultBusyTimeout(2);

}  // namespace

base::Result<Store::Settings> Store::ReadSettings(const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  Settings settings;
  ASSIGN_OR_RETURN(settings.target, components::sqlite::ReadTarget(properties));
  ASSIGN_OR_RETURN(settings.timeout,
                   ReadDuration(properties, "timeout", "timeoutInSeconds", kDefaultTimeout));
  if (settings.timeout < std::chrono::seconds(1)) {
    return base::Fail(properties.Invalid("timeout", "at least 1s"));
  }
  ASSIGN_OR_RETURN(settings.busy_timeout,
                   components::sqlite::ReadBusyTimeout(properties, kDefaultBusyTimeout));
  ASSIGN_OR_RETURN(settings.cleanup_interval,
                   ReadDuration(properties, "cleanupInterval", "cleanupIntervalInSeconds",
                                std::chrono::nanoseconds(0)));
  settings.wal = !properties.Bool("disableWAL", false) && !settings.target.memory;
  ASSIGN_OR_RETURN(settings.tables, components::sqlite::ReadTables(properties, "state"));
  return settings;
}

}  // namespace components::state::sqlite
