// The metadata fields that the SQLite components share. Pure; any thread.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.hpp"
#include "components/sqlite/connection_string.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"

namespace components::sqlite {

/// connectionString, or url as older manifests name it.
base::Result<Target> ReadTarget(const config::Properties& properties);

/// A duration ("20s") or, as older manifests write it, a number of seconds, under `name` or else
/// under `alias` (may be empty).
base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name, std::string_view alias,
                                                    std::chrono::nanoseconds fallback);

/// busyTimeout: 0 to 24 h.
base::Result<std::chrono::milliseconds> ReadBusyTimeout(const config::Properties& properties,
                                                        std::chrono::milliseconds fallback);

/// A table's name becomes part of statements: letters, digits and underscores.
base::Status CheckTableName(std::string_view field, std::string_view name);

struct Tables {
  std::string table;
  std::string metadata_table;
};
/// tableName (by default `fallback`) and metadataTableName (by default "metadata"), which differ.
base::Result<Tables> ReadTables(const config::Properties& properties, std::string_view fallback);

/// What the components' descriptors say of the fields above.
contracts::Field TimeoutField(std::string default_value);
contracts::Field BusyTimeoutField(std::string default_value);
contracts::Field DisableWalField();
contracts::Field MetadataTableField();

}  // namespace components::sqlite
