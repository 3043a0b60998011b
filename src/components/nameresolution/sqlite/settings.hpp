// The configuration of nameresolution.sqlite, read and checked. Values; any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "components/sqlite/database.hpp"
#include "components/sqlite/fields.hpp"
#include "config/properties.hpp"

namespace components::nameresolution::sqlite {

struct Settings {
  components::sqlite::Target target;
  std::chrono::nanoseconds timeout{};           // of one operation
  std::chrono::milliseconds busy_timeout{};     // of waiting for another process's lock
  std::chrono::seconds update_interval{};       // rows older than this do not count
  std::chrono::nanoseconds cleanup_interval{};  // 0 or less = never
  bool wal = true;
  components::sqlite::Tables tables;

  /// How often to renew registrations: at least twice in each update interval, with room for a slow
  /// one.
  std::chrono::nanoseconds RenewInterval() const { return (update_interval - timeout) / 2; }
};

/// kInvalidArgument with the wrong field and the mend.
base::Result<Settings> ReadSettings(const config::Properties& properties);

/// A connection as the settings want it; creates the file.
base::Result<std::unique_ptr<components::sqlite::Database>> OpenDatabase(const Settings& settings);

}  // namespace components::nameresolution::sqlite
