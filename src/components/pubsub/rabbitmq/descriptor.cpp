#include "components/pubsub/rabbitmq/descriptor.hpp"

#include "components/pubsub/rabbitmq/broker.hpp"

namespace components::pubsub::rabbitmq {

using contracts::Field;
using contracts::FieldType;

namespace {

std::vector<Field> LayoutFields() {
  return {
      {.name = "exchangeKind",
       .default_value = "fanout",
       .description = "Kind of the exchanges that topics are: `fanout`, or `topic`, where the "
                      "metadata `routingKey` of messages and subscriptions decides.",
       .allowed = {"fanout", "topic", "direct", "headers"}},
      {.name = "durable",
       .type = FieldType::kBool,
       .default_value = "true",
       .description = "Exchanges and queues outlive a restart of the broker."},
      {.name = "deletedWhenUnused",
       .type = FieldType::kBool,
       .default_value = "true",
       .description = "Queues go, with the messages in them, when their last consumer does: when "
                      "this runtime ends or loses its connection (a paused subscription keeps its "
                      "queue). Set it to `false` to lose nothing. Quorum queues never delete "
                      "themselves."},
      {.name = "enableDeadLetter",
       .type = FieldType::kBool,
       .default_value = "false",
       .description =
           "Messages that failed, expired or were too many go to the queue `dlq-<queue>` "
           "through the exchange `dlx-<queue>`."},
      {.name = "maxLen",
       .type = FieldType::kNumber,
       .description = "The most messages in a queue; the oldest go first. Also metadata of a "
                      "subscription."},
      {.name = "maxLenBytes",
       .type = FieldType::kNumber,
       .description = "The most bytes in a queue. Also metadata of a subscription."}};
}

std::vector<Field> DeliveryFields() {
  return {
      {.name = "publisherConfirm",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Publishing returns when the broker has taken the message (and has written "
                      "it to disk where that is due); otherwise when it was sent."},
      {.name = "deliveryMode",
       .type = FieldType::kNumber,
       .description =
           "2 = messages are written to disk, 0 or 1 = they are not and a restart of the "
           "broker loses them. Default: 2 with `durable`, otherwise 0."},
      {.name = "ttlInSeconds",
       .type = FieldType::kDuration,
       .description = "Messages expire after this time unless they bring their own ttlInSeconds."},
      {.name = "concurrency",
       .default_value = "parallel",
       .description = "`single` handles one message of a subscription at a time, in the order of "
                      "the queue.",
       .allowed = {"parallel", "single"},
       .aliases = {"concurrencyMode"}},
      {.name = "prefetchCount",
       .type = FieldType::kNumber,
       .default_value = "0",
       .description =
           "The most messages of a subscription that are here at once; the broker keeps "
           "the rest. 0 means 64; with bulkSubscribe twice its maxMessagesCount, from 64 "
           "to 256. A batch cannot be larger than this."},
      {.name = "autoAck",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "What the app failed on is taken for handled."},
      {.name = "requeueInFailure",
       .type = FieldType::kBool,
       .default_value = "false",
       .description =
           "What the app failed on goes back to its queue, after a pause that grows from "
           "100ms to 10s; otherwise it is dropped, or dead-lettered by the broker."},
      {.name = "maxHoldTime",
       .type = FieldType::kDuration,
       .default_value = "10m",
       .description = "How long messages that were pulled are kept for an app that is away before "
                      "they go back to the queue. Must be well below the broker's "
                      "`consumer_timeout` (30 minutes unless changed). A quorum queue counts this "
                      "return against "
                      "its `delivery-limit` (20 unless changed from RabbitMQ 4.0 on): once in an "
                      "absence that is longer, again and again while something in front of the app "
                      "refuses deliveries in its place. What had not been pulled is not touched. "
                      "Where absences are long, raise this time and `consumer_timeout`, or the "
                      "limit, or lower `prefetchCount`."},
      {.name = "publishMessagePropertiesToMetadata",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Hands `metadata.messageid`, `metadata.correlationid`, `metadata.type`, "
                      "`metadata.contenttype` and each header as `metadata.<header>` to the app."}};
}

std::vector<Field> TimeFields() {
  return {{.name = "heartBeat",
           .type = FieldType::kDuration,
           .default_value = "10s",
           .description = "Interval of heartbeats; the broker may ask for a shorter one. A broker "
                          "that is silent for two of them gets a new connection."},
          {.name = "reconnectWaitSeconds",
           .type = FieldType::kDuration,
           .default_value = "3s",
           .description = "Longest pause between two attempts to connect; the first are quicker."}};
}

std::vector<Field> AllFields() {
  std::vector<Field> fields = components::rabbitmq::ConnectionFields();
  for (auto part : {LayoutFields(), DeliveryFields(), TimeFields()}) {
    fields.insert(fields.end(), part.begin(), part.end());
  }
  return fields;
}

}  // namespace

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "pubsub.rabbitmq",
      .versions = {"v1"},
      .features = {"MESSAGE_TTL"},
      .summary =
          "Topics on a RabbitMQ broker (AMQP 0-9-1). A topic is an exchange of its name, a "
          "subscription the queue `<consumerID>-<topic>` bound to it. Metadata of a subscription: "
          "`queueName`, `routingKey` (a comma-separated list), `queueType` (`classic` or "
          "`quorum`), `maxPriority`, `maxLen`, `maxLenBytes`, `singleActiveConsumer`. Metadata of "
          "a message: `routingKey`, `priority`, `ttlInSeconds`, `messageID`, `correlationID`, "
          "`type`, `contentType`, `contentEncoding`, `replyTo`, `appID`.",
      .fields = AllFields(),
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::PubSub> { return std::make_unique<Broker>(); }};
  return kDescriptor;
}

}  // namespace components::pubsub::rabbitmq
