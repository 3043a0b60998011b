#include "components/nameresolution/sqlite/resolver.hpp"

namespace components::nameresolution::sqlite {

const contracts::Descriptor& Descriptor() {
  using components::sqlite::BusyTimeoutField;
  using components::sqlite::DisableWalField;
  using components::sqlite::MetadataTableField;
  using components::sqlite::TimeoutField;
  using contracts::FieldType;
  static const contracts::Descriptor kDescriptor{
      .type = "nameresolution.sqlite",
      .versions = {"v1"},
      .summary =
          "Finds the runtimes of other apps through a table in a SQLite file that all runtimes of "
          "a "
          "machine share. The table is that of Dapr's Go runtime; both may use the file at once. "
          "The file must be on a local disk.",
      .fields = {{.name = "connectionString",
                  .required = true,
                  .description =
                      "Path of the file (`/var/run/dapr/names.db`) or a `file:` URI. Options may "
                      "follow after `?`, such as `_pragma=name(value)`. The file is created if its "
                      "folder exists.",
                  .aliases = {"url"}},
                 {.name = "updateInterval",
                  .type = FieldType::kDuration,
                  .default_value = "5s",
                  .description =
                      "A runtime that has not renewed its row for this long counts as gone. Whole "
                      "seconds, at least one more than `timeout`; the same for all runtimes."},
                 TimeoutField("1s"),
                 BusyTimeoutField("800ms"),
                 DisableWalField(),
                 {.name = "tableName",
                  .default_value = "hosts",
                  .description = "Table that holds the addresses."},
                 MetadataTableField(),
                 {.name = "cleanupInterval",
                  .type = FieldType::kDuration,
                  .default_value = "1h",
                  .description =
                      "How often rows of runtimes that are long gone are deleted; 0 or less turns "
                      "that off. Such rows are never used either way.",
                  .aliases = {"cleanupIntervalInSeconds"}}},
      .status = contracts::Stability::kStable,
      .factory = +[]() -> std::unique_ptr<contracts::NameResolver> {
        return std::make_unique<Resolver>();
      }};
  return kDescriptor;
}

}  // namespace components::nameresolution::sqlite
