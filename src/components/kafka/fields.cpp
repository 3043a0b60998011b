// The schema of the settings that all Kafka components share.
#include "components/kafka/settings.hpp"

namespace components::kafka {

using contracts::Field;
using contracts::FieldType;

namespace {

using Fields = std::vector<Field>;

void Append(Fields& to, Fields from) {
  for (Field& field : from) to.push_back(std::move(field));
}

Fields ConnectionPart() {
  return {
      {.name = "brokers",
       .required = true,
       .description = "`host:port` of one or more brokers, with commas between; the others are "
                      "learned from these."},
      {.name = "clientID",
       .default_value = "sarama",
       .description = "The name the brokers see, in their logs and quotas."},
      {.name = "version",
       .default_value = "2.0.0.0",
       .description = "Accepted for compatibility; what the brokers speak is asked of them."},
      {.name = "dialTimeout",
       .type = FieldType::kDuration,
       .default_value = "30s",
       .description = "How long a connection may take, and how long starting waits for a broker."},
      {.name = "readTimeout",
       .type = FieldType::kDuration,
       .default_value = "30s",
       .description = "How long a request waits for its answer."},
      {.name = "writeTimeout",
       .type = FieldType::kDuration,
       .default_value = "30s",
       .description = "How long a message that is published may wait for the brokers at most."},
      {.name = "clientConnectionTopicMetadataRefreshInterval",
       .type = FieldType::kDuration,
       .default_value = "9m",
       .description = "How often brokers are asked for new partitions."},
      {.name = "clientConnectionKeepAliveInterval",
       .type = FieldType::kDuration,
       .default_value = "0",
       .description = "Above 0: TCP keep-alive on connections, at the system's interval."},
      {.name = "metadataTimeout",
       .type = FieldType::kDuration,
       .default_value = "0",
       .description = "Accepted for compatibility and not used."}};
}

Fields SecurityPart() {
  return {
      {.name = "authType",
       .description = "How to sign in: `none`, `password` (SASL) or `mtls` (also `certificate`). "
                      "Required. `oidc`, `oidc_private_key_jwt` and `awsiam` are not in this "
                      "version."},
      {.name = "authRequired",
       .type = FieldType::kBool,
       .description = "Older than authType: `false` is `none`."},
      {.name = "saslUsername", .description = "User name for `password`."},
      {.name = "saslPassword", .secret = true, .description = "Password of that user."},
      {.name = "saslMechanism",
       .default_value = "PLAINTEXT",
       .description = "`PLAINTEXT`, `SHA-256` or `SHA-512` (SCRAM)."},
      {.name = "disableTls",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "With `password`: sign in over connections without TLS. With `none` there is "
                      "no TLS either way."},
      {.name = "skipVerify",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Accept any certificate of the brokers. For tests only."},
      {.name = "caCert",
       .description = "PEM text of the authorities to trust; without it those of the system."},
      {.name = "clientCert", .description = "PEM text of the client's certificate, for `mtls`."},
      {.name = "clientKey", .secret = true, .description = "PEM text of its private key."}};
}

Fields PublishPart() {
  return {
      {.name = "maxMessageBytes",
       .type = FieldType::kNumber,
       .default_value = "1048576",
       .description = "The largest message that is published. The brokers have a limit too."},
      {.name = "producerRequiredAcks",
       .default_value = "all",
       .description = "Who must have a message before it counts as published: `all` replicas in "
                      "step, the `leader`, or `none`. With `all` the broker removes doubles of "
                      "what is sent again; otherwise nothing is sent again by itself."},
      {.name = "producerRetryMax",
       .type = FieldType::kNumber,
       .default_value = "5",
       .description = "How often a request is sent again."},
      {.name = "compression",
       .default_value = "none",
       .description = "Of what is published.",
       .allowed = {"none", "gzip", "snappy", "lz4", "zstd"}},
      {.name = "escapeHeaders",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Escape the values of received headers as in a URL's query, for texts that "
                      "do not fit into headers of HTTP."},
      {.name = "excludeHeaderMetaRegex",
       .description = "Metadata whose name this regular expression matches does not become a "
                      "header, and no header of such a name becomes metadata."}};
}

Fields ConsumePart() {
  return {
      {.name = "consumerGroup",
       .description = "The consumer group; without it `consumerID`, which is the app-id by "
                      "default."},
      {.name = "initialOffset",
       .default_value = "newest",
       .description = "Where a group begins that has never been here. From then on it misses "
                      "nothing, because it commits where it began.",
       .allowed = {"newest", "oldest"}},
      {.name = "consumerGroupRebalanceStrategy",
       .default_value = "range",
       .description = "How the group deals its partitions. `sticky` is Kafka's cooperative-sticky: "
                      "all members must have it, and Dapr's own `sticky` is another.",
       .allowed = {"range", "roundrobin", "sticky"}},
      {.name = "heartbeatInterval",
       .type = FieldType::kDuration,
       .default_value = "3s",
       .description = "Between signs of life to the group's coordinator."},
      {.name = "sessionTimeout",
       .type = FieldType::kDuration,
       .default_value = "10s",
       .description = "After which silence the group deals a member's partitions to others."},
      {.name = "channelBufferSize",
       .type = FieldType::kNumber,
       .default_value = "256",
       .description = "More is fetched of a partition when fewer messages, or less than 512 KiB, "
                      "wait here."},
      {.name = "consumerFetchMin",
       .type = FieldType::kNumber,
       .default_value = "1",
       .description = "Bytes a broker should have before it answers, for half a second at most."},
      {.name = "consumerFetchDefault",
       .type = FieldType::kNumber,
       .default_value = "1048576",
       .description = "Bytes fetched of a partition at a time. A larger message still comes."},
      {.name = "consumeRetryInterval",
       .type = FieldType::kDuration,
       .default_value = "100ms",
       .description = "Between tries to reach a broker again, doubling up to a second. A bare "
                      "number is milliseconds."}};
}

Fields RetryPart(bool by_default) {
  return {{.name = "consumeRetryEnabled",
           .type = FieldType::kBool,
           .default_value = by_default ? "true" : "false",
           .description = "Hand a message that failed over again. Until it is done its partition "
                          "waits; others go on. Without, it is left behind."},
          {.name = "backOffPolicy",
           .default_value = "constant",
           .description = "How the waits before a failed message grow.",
           .allowed = {"constant", "exponential"}},
          {.name = "backOffDuration",
           .type = FieldType::kDuration,
           .default_value = "5s",
           .description = "The wait of the constant policy."},
          {.name = "backOffMaxRetries",
           .type = FieldType::kNumber,
           .default_value = "-1",
           .description = "After how many more tries a message is left behind; -1 = never."},
          {.name = "backOffInitialInterval",
           .type = FieldType::kDuration,
           .default_value = "500ms",
           .description = "The first wait of the exponential policy."},
          {.name = "backOffMaxInterval",
           .type = FieldType::kDuration,
           .default_value = "60s",
           .description = "Its longest wait."},
          {.name = "backOffMultiplier",
           .type = FieldType::kNumber,
           .default_value = "1.5",
           .description = "By which its waits grow."},
          {.name = "backOffRandomizationFactor",
           .type = FieldType::kNumber,
           .default_value = "0.5",
           .description = "By how much of themselves its waits vary."},
          {.name = "backOffMaxElapsedTime",
           .type = FieldType::kDuration,
           .default_value = "15m",
           .description = "After which time it leaves a message behind; 0 = never."}};
}

Fields SchemaPart() {
  Fields fields;
  for (const char* name : {"schemaRegistryURL", "schemaRegistryAPIKey", "schemaRegistryAPISecret",
                           "schemaCachingEnabled", "schemaLatestVersionCacheTTL", "useAvroJSON"}) {
    fields.push_back({.name = name,
                      .secret = std::string_view(name) == "schemaRegistryAPISecret",
                      .description = "Accepted for compatibility. Schemas are not in this version: "
                                     "a request with the metadata `valueSchemaType` is refused."});
  }
  return fields;
}

}  // namespace

std::vector<Field> ConnectionFields(bool retry_by_default) {
  Fields fields = ConnectionPart();
  Append(fields, SecurityPart());
  Append(fields, PublishPart());
  Append(fields, ConsumePart());
  Append(fields, RetryPart(retry_by_default));
  Append(fields, SchemaPart());
  return fields;
}

}  // namespace components::kafka
