#include "components/pubsub/redis/descriptor.hpp"

#include "components/pubsub/redis/broker.hpp"

namespace components::pubsub::redis {

namespace {

std::vector<contracts::Field> Fields() {
  using contracts::FieldType;
  std::vector<contracts::Field> fields = components::redis::ConnectionFields(kConnectionDefaults);
  const std::vector<contracts::Field> own = {
      {.name = "consumerID",
       .description =
           "Name of the consumer group, and of the consumer in it. All runtimes with the "
           "same one share the messages."},
      {.name = "processingTimeout",
       .type = FieldType::kDuration,
       .default_value = "60s",
       .description =
           "A message that was pulled and not acknowledged is taken over from a consumer that has "
           "not been heard of for so long. This runtime makes itself heard for as long as it holds "
           "a message, however long its app takes. 0 turns taking over off. A bare number is "
           "milliseconds."},
      {.name = "redeliverInterval",
       .type = FieldType::kDuration,
       .default_value = "15s",
       .description =
           "How often messages to take over are looked for, and the longest pause before a failed "
           "message is tried again; the first pause is 100 ms. 0 turns taking over off. A bare "
           "number is milliseconds."},
      {.name = "queueDepth",
       .type = FieldType::kNumber,
       .default_value = "100",
       .description = "How many messages a subscription holds at a time; together they are held to "
                      "about 16 MiB."},
      {.name = "concurrency",
       .type = FieldType::kNumber,
       .default_value = "10",
       .description =
           "How many of them the app handles at once. They are started in the stream's order. With "
           "1 a message that failed also holds up those behind it; with more it does not. A bulk "
           "subscription handles at least as many as fit into a batch."},
      {.name = "maxLenApprox",
       .type = FieldType::kNumber,
       .description = "Trim a stream to about so many entries whenever something is published, "
                      "whether they have been read or not. Takes precedence over streamTTL."},
      {.name = "streamTTL",
       .type = FieldType::kDuration,
       .description = "Trim entries that are older, roughly, whenever something is published. A "
                      "bare number is seconds."}};
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

}  // namespace

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "pubsub.redis",
      .versions = {"v1"},
      .features = {"BULK_PUBLISH"},
      .summary =
          "Topics as Redis streams: one server, a master that sentinels watch, or a cluster. "
          "Entries and consumer groups are those of Dapr's Go runtime, so that either can publish "
          "for the other and both can share the messages of a topic. A message stays pending at "
          "the broker until it has been handled: what failed is tried again with growing pauses, "
          "what a lost runtime held is taken over by another. Needs Redis 5 or newer; from 7 on it "
          "tells how many messages wait.",
      .fields = Fields(),
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::PubSub> { return std::make_unique<Broker>(); }};
  return kDescriptor;
}

}  // namespace components::pubsub::redis
