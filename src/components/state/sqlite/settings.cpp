#include "base/duration.hpp"
#include "base/strings.hpp"
#include "components/state/sqlite/store.hpp"

namespace components::state::sqlite {

namespace {

constexpr std::chrono::seconds kDefaultTimeout(20);
constexpr std::chrono::seconds kDefaultBusyTimeout(2);

// A duration ("20s") or, as older manifests write it, a number of seconds.
base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name, std::string_view alias,
                                                    std::chrono::nanoseconds fallback) {
  if (!alias.empty() && !properties.Has(name)) name = alias;
  const std::string text = properties.Get(name);
  if (text.empty()) return fallback;
  if (auto parsed = base::ParseDuration(base::Trim(text))) return *parsed;
  return properties.Duration(name, fallback, config::BareNumber::kSeconds);
}

}  // namespace

base::Result<Store::Settings> Store::ReadSettings(const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  Settings settings;
  base::Result<Target> target = ParseConnectionString(
      properties.Find({"connectionString", "url"}).value_or(std::string_view()));
  if (!target) return std::unexpected(std::move(target).error());
  settings.target = *std::move(target);

  ASSIGN_OR_RETURN(settings.timeout,
                   ReadDuration(properties, "timeout", "timeoutInSeconds", kDefaultTimeout));
  if (settings.timeout < std::chrono::seconds(1)) {
    return base::Fail(properties.Invalid("timeout", "at least 1s"));
  }
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds busy,
                   ReadDuration(properties, "busyTimeout", "", kDefaultBusyTimeout));
  if (busy.count() < 0) return base::Fail(properties.Invalid("busyTimeout", "0s or more"));
  settings.busy_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(busy, std::chrono::hours(24)));
  ASSIGN_OR_RETURN(settings.cleanup_interval,
                   ReadDuration(properties, "cleanupInterval", "cleanupIntervalInSeconds",
                                std::chrono::nanoseconds(0)));

  settings.wal = !properties.Bool("disableWAL", false) && !settings.target.memory;
  settings.table = properties.Get("tableName");
  if (settings.table.empty()) settings.table = "state";
  settings.metadata_table = properties.Get("metadataTableName");
  if (settings.metadata_table.empty()) settings.metadata_table = "metadata";
  RETURN_IF_ERROR(CheckTableName("tableName", settings.table));
  RETURN_IF_ERROR(CheckTableName("metadataTableName", settings.metadata_table));
  if (base::EqualsIgnoreCase(settings.table, settings.metadata_table)) {
    return base::Fail(properties.Invalid("metadataTableName", "another table than tableName"));
  }
  return settings;
}

}  // namespace components::state::sqlite
