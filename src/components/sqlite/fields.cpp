#include "components/sqlite/fields.hpp"

#include <algorithm>
#include <utility>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::sqlite {

base::Result<Target> ReadTarget(const config::Properties& properties) {
  return ParseConnectionString(
      properties.Find({"connectionString", "url"}).value_or(std::string_view()));
}

base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name, std::string_view alias,
                                                    std::chrono::nanoseconds fallback) {
  if (!alias.empty() && !properties.Has(name)) name = alias;
  const std::string text = properties.Get(name);
  if (text.empty()) return fallback;
  if (auto parsed = base::ParseDuration(base::Trim(text))) return *parsed;
  return properties.Duration(name, fallback, config::BareNumber::kSeconds);
}

base::Result<std::chrono::milliseconds> ReadBusyTimeout(const config::Properties& properties,
                                                        std::chrono::milliseconds fallback) {
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds busy,
                   ReadDuration(properties, "busyTimeout", "", fallback));
  if (busy.count() < 0) return base::Fail(properties.Invalid("busyTimeout", "0s or more"));
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(busy, std::chrono::hours(24)));
}

base::Status CheckTableName(std::string_view field, std::string_view name) {
  const bool plain =
      !name.empty() && !base::IsDigit(name.front()) && std::ranges::all_of(name, [](char c) {
        const char lower = base::LowerChar(c);
        return (lower >= 'a' && lower <= 'z') || base::IsDigit(c) || c == '_';
      });
  if (plain) return {};
  return base::Fail(
      base::Kind::kInvalidArgument,
      base::StrCat("invalid table name ", base::Quote(name), " in the metadata field ", field,
                   ": use letters, digits and underscores, not starting with a digit"));
}

base::Result<Tables> ReadTables(const config::Properties& properties, std::string_view fallback) {
  Tables tables{properties.Get("tableName"), properties.Get("metadataTableName")};
  if (tables.table.empty()) tables.table = fallback;
  if (tables.metadata_table.empty()) tables.metadata_table = "metadata";
  RETURN_IF_ERROR(CheckTableName("tableName", tables.table));
  RETURN_IF_ERROR(CheckTableName("metadataTableName", tables.metadata_table));
  if (base::EqualsIgnoreCase(tables.table, tables.metadata_table)) {
    return base::Fail(properties.Invalid("metadataTableName", "another table than tableName"));
  }
  return tables;
}

using contracts::FieldType;

contracts::Field TimeoutField(std::string default_value) {
  return {.name = "timeout",
          .type = FieldType::kDuration,
          .default_value = std::move(default_value),
          .description = "Longest time one operation may take.",
          .aliases = {"timeoutInSeconds"}};
}
contracts::Field BusyTimeoutField(std::string default_value) {
  return {.name = "busyTimeout",
          .type = FieldType::kDuration,
          .default_value = std::move(default_value),
          .description = "How long to wait for a lock another connection holds."};
}
contracts::Field DisableWalField() {
  return {.name = "disableWAL",
          .type = FieldType::kBool,
          .default_value = "false",
          .description =
              "Use a rollback journal instead of write-ahead logging, which a few file systems "
              "cannot do. Slower."};
}
contracts::Field MetadataTableField() {
  return {
      .name = "metadataTableName",
      .default_value = "metadata",
      .description = "Table in which the component notes its migration level and last clean-up."};
}

}  // namespace components::sqlite
