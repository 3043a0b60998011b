#include "base/strings.hpp"
#include "components/state/postgresql/store.hpp"

namespace components::state::postgresql {

using base::StrCat;

base::Result<Store::Settings> Store::ReadSettings(const contracts::InitRequest& request) const {
  const config::Properties& properties = request.properties;
  Settings settings;
  ASSIGN_OR_RETURN(settings.postgres, postgres::ReadSettings(properties));
  ASSIGN_OR_RETURN(settings.cleanup_interval,
                   postgres::ReadDuration(properties, "cleanupInterval", "cleanupIntervalInSeconds",
                                          std::chrono::hours(1)));
  const auto name = [&](std::string_view field, std::string_view fallback) {
    std::string text(base::Trim(properties.Get(field)));
    return text.empty() ? std::string(fallback) : text;
  };
  Tables& tables = settings.tables;
  if (layout_ == Layout::kV1) {
    ASSIGN_OR_RETURN(tables.state, ParseTableName("tableName", name("tableName", "state")));
    tables.level_key = "migrations";
    tables.cleanup_key = "last-cleanup";
  } else {
    const std::string prefix = name("tablePrefix", "");
    ASSIGN_OR_RETURN(tables.state, ParseTableName("tablePrefix", prefix + "state"));
    // Also inside a string constant.
    if (prefix.find_first_of("'\\") != std::string::npos) {
      return base::Fail(properties.Invalid("tablePrefix", "a name without ' and \\"));
    }
    tables.level_key = StrCat("migrations-state-v2-", prefix);
    tables.cleanup_key = StrCat("last-cleanup-state-v2-", prefix);
  }
  ASSIGN_OR_RETURN(tables.metadata,
                   ParseTableName("metadataTableName", name("metadataTableName", "dapr_metadata")));
  if (tables.state.quoted == tables.metadata.quoted) {
    return base::Fail(properties.Invalid("metadataTableName", "another table than the state's"));
  }
  return settings;
}

}  // namespace components::state::postgresql
