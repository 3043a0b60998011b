#include "components/state/postgresql/descriptor.hpp"

#include "components/state/postgresql/store.hpp"

namespace components::state::postgresql {

namespace {

std::vector<contracts::Field> Fields(contracts::Field table) {
  std::vector<contracts::Field> fields = postgres::SettingsFields();
  fields.push_back(std::move(table));
  fields.push_back({.name = "metadataTableName",
                    .default_value = "dapr_metadata",
                    .description =
                        "Table in which components note their migration level and last clean-up; "
                        "may have a schema in front."});
  fields.push_back({.name = "cleanupInterval",
                    .type = contracts::FieldType::kDuration,
                    .default_value = "1h",
                    .description =
                        "How often expired rows are deleted; 0 or less turns that off. Expired "
                        "rows are never returned either way.",
                    .aliases = {"cleanupIntervalInSeconds"}});
  return fields;
}

}  // namespace

const contracts::Descriptor& v1::Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "state.postgresql",
      .versions = {"v1"},
      .aliases = {"state.postgres"},
      .features = {"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "KEYS_LIKE", "ACTOR"},
      .summary =
          "Keeps state in a PostgreSQL database as jsonb, in the same tables as Dapr's Go runtime, "
          "so that either can take over the database of the other. Values can be queried; they "
          "come back in PostgreSQL's own JSON form, and the text \\u0000 cannot be kept. The etag "
          "is the row's xmin. Version v2 stores values as they are and is faster; it cannot be "
          "queried and does not read the tables of v1.",
      .fields = Fields({.name = "tableName",
                        .default_value = "state",
                        .description = "Table that holds the state; may have a schema in front "
                                       "(`schema.table`)."}),
      .status = contracts::Stability::kStable,
      .factory = +[]() -> std::unique_ptr<contracts::StateStore> {
        return std::make_unique<Store>(Layout::kV1);
      }};
  return kDescriptor;
}

const contracts::Descriptor& v2::Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "state.postgresql",
      .versions = {"v2"},
      .aliases = {"state.postgres"},
      .features = {"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"},
      .summary =
          "Keeps state in a PostgreSQL database (13 or newer) as bytes, in the same tables as "
          "Dapr's Go runtime, so that either can take over the database of the other. Values come "
          "back unchanged. The etag is a random UUID. It does not read the tables of version v1.",
      .fields =
          Fields({.name = "tablePrefix",
                  .description = "Put in front of the table's name `state`; may be or begin with a "
                                 "schema (`schema.` or `schema.app_`)."}),
      .status = contracts::Stability::kStable,
      .factory = +[]() -> std::unique_ptr<contracts::StateStore> {
        return std::make_unique<Store>(Layout::kV2);
      }};
  return kDescriptor;
}

}  // namespace components::state::postgresql
