#include "components/state/redis/descriptor.hpp"

#include "components/redis/settings.hpp"
#include "components/state/redis/store.hpp"

namespace components::state::redis {

namespace {

std::vector<contracts::Field> Fields() {
  using contracts::FieldType;
  std::vector<contracts::Field> fields =
      components::redis::ConnectionFields({.min_retry = std::chrono::seconds(2)});
  fields.push_back({.name = "ttlInSeconds",
                    .type = FieldType::kNumber,
                    .description = "Time to live of values whose request names none; 0 and less "
                                   "mean no end."});
  fields.push_back({.name = "queryIndexes",
                    .description = "JSON list of the indexes for the query API, which needs the "
                                   "modules RediSearch and RedisJSON: `[{\"name\": \"people\", "
                                   "\"indexes\": [{\"key\": \"person.id\", \"type\": "
                                   "\"NUMERIC\"}]}]`."});
  for (const char* name : {"redeliverInterval", "processingTimeout"}) {
    fields.push_back({.name = name,
                      .type = FieldType::kString,
                      .description = "Accepted for compatibility; means something to pub/sub "
                                     "only."});
  }
  return fields;
}

}  // namespace

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "state.redis",
      .versions = {"v1"},
      .features = {"ETAG", "TRANSACTIONAL", "TTL", "ACTOR"},
      .summary =
          "Keeps state in Redis: one server, a master that sentinels watch, or a cluster. A value "
          "is a hash with the fields `data` and `version`, as Dapr's Go runtime writes it, so that "
          "either can take over the data of the other. A transaction is carried out whole or not "
          "at all; in a cluster its keys must share a slot.",
      .fields = Fields(),
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::StateStore> { return std::make_unique<Store>(); }};
  return kDescriptor;
}

}  // namespace components::state::redis
