#include "components/state/sqlite/descriptor.hpp"

#include "components/sqlite/fields.hpp"
#include "components/state/sqlite/store.hpp"

namespace components::state::sqlite {

const contracts::Descriptor& Descriptor() {
  using components::sqlite::BusyTimeoutField;
  using components::sqlite::DisableWalField;
  using components::sqlite::MetadataTableField;
  using components::sqlite::TimeoutField;
  using contracts::FieldType;
  static const contracts::Descriptor kDescriptor{
      .type = "state.sqlite",
      .versions = {"v1"},
      .aliases = {"state.sqlite3"},
      .features = {"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"},
      .summary =
          "Keeps state in one SQLite file on a local disk, in the same tables as Dapr's Go "
          "runtime, so that either can take over the file of the other. One process at a time "
          "should write to it; do not put it on a network file system.",
      .fields = {{.name = "connectionString",
                  .required = true,
                  .description =
                      "Path of the file (`data.db`), a `file:` URI, or `:memory:` for a store that "
                      "ends with the process. Options may follow after `?`: `mode=ro`, "
                      "`immutable=1`, `_pragma=name(value)`. The file is created if its folder "
                      "exists.",
                  .aliases = {"url"}},
                 TimeoutField("20s"),
                 BusyTimeoutField("2s"),
                 DisableWalField(),
                 {.name = "tableName",
                  .default_value = "state",
                  .description = "Table that holds the state."},
                 MetadataTableField(),
                 {.name = "cleanupInterval",
                  .type = FieldType::kDuration,
                  .default_value = "0s",
                  .description =
                      "How often expired rows are deleted; 0 or less turns that off. Expired rows "
                      "are never returned either way.",
                  .aliases = {"cleanupIntervalInSeconds"}}},
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::StateStore> { return std::make_unique<Store>(); }};
  return kDescriptor;
}

}  // namespace components::state::sqlite
