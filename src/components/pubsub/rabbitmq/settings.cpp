#include "components/pubsub/rabbitmq/settings.hpp"

#include "base/strings.hpp"

namespace components::pubsub::rabbitmq {

using base::StrCat;

namespace {

constexpr std::chrono::hours kLongestHeartbeat(1);

base::Status ReadTimes(const config::Properties& properties, Settings& settings) {
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds heartbeat,
                   properties.Duration("heartBeat", std::chrono::seconds(10)));
  if (heartbeat.count() < 0 || heartbeat > kLongestHeartbeat) {
    return base::Fail(properties.Invalid("heartBeat", "a duration up to 1h"));
  }
  settings.connection.heartbeat = std::chrono::ceil<std::chrono::seconds>(heartbeat);
  ASSIGN_OR_RETURN(settings.connection.reconnect_wait,
                   properties.Duration("reconnectWaitSeconds", std::chrono::seconds(3)));
  if (settings.connection.reconnect_wait < std::chrono::milliseconds(1)) {
    settings.connection.reconnect_wait = std::chrono::milliseconds(1);
  }
  if (!base::Trim(properties.Get("ttlInSeconds")).empty()) {
    ASSIGN_OR_RETURN(settings.ttl, properties.Duration("ttlInSeconds", {}));
    if (settings.ttl->count() <= 0) {
      return base::Fail(properties.Invalid("ttlInSeconds", "a number of seconds above 0"));
    }
  }
  ASSIGN_OR_RETURN(settings.hold, properties.Duration("maxHoldTime", std::chrono::minutes(10)));
  if (settings.hold < std::chrono::milliseconds(100)) {
    return base::Fail(properties.Invalid("maxHoldTime", "a duration of 100ms or more"));
  }
  return {};
}

}  // namespace

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  Settings settings;
  settings.component = properties.component();
  ASSIGN_OR_RETURN(settings.connection, components::rabbitmq::ReadSettings(properties));
  RETURN_IF_ERROR(ReadTimes(properties, settings));
  settings.consumer_id = properties.Get("consumerID");
  const std::string kind = base::ToLower(base::Trim(properties.Get("exchangeKind", "fanout")));
  if (!kind.empty()) settings.exchange_kind = kind;
  if (settings.exchange_kind != "fanout" && settings.exchange_kind != "topic" &&
      settings.exchange_kind != "direct" && settings.exchange_kind != "headers") {
    return base::Fail(properties.Invalid("exchangeKind", "fanout or topic"));
  }
  settings.durable = properties.Bool("durable", true);
  settings.delete_unused = properties.Bool("deletedWhenUnused", true);
  settings.delete_unused_given = !base::Trim(properties.Get("deletedWhenUnused")).empty();
  settings.dead_letter = properties.Bool("enableDeadLetter", false);
  settings.confirms = properties.Bool("publisherConfirm", false);
  settings.auto_ack = properties.Bool("autoAck", false);
  settings.requeue = properties.Bool("requeueInFailure", false);
  settings.properties_to_metadata = properties.Bool("publishMessagePropertiesToMetadata", false);
  const std::string concurrency =
      base::ToLower(base::Trim(properties.Find({"concurrency", "concurrencyMode"}).value_or("")));
  if (!concurrency.empty() && concurrency != "parallel" && concurrency != "single") {
    return base::Fail(properties.Invalid("concurrency", "parallel or single"));
  }
  settings.single = concurrency == "single";
  // A message that is not on disk is gone with the broker's next restart, although its queue stays.
  ASSIGN_OR_RETURN(const int64_t mode,
                   properties.Int("deliveryMode", settings.durable ? 2 : 0, 0, 2));
  settings.delivery_mode = static_cast<uint8_t>(mode);
  ASSIGN_OR_RETURN(const int64_t prefetch, properties.Int("prefetchCount", 0, 0, 65535));
  settings.prefetch = static_cast<uint16_t>(prefetch);
  ASSIGN_OR_RETURN(settings.max_length, properties.Int("maxLen", 0, 0));
  ASSIGN_OR_RETURN(settings.max_bytes, properties.Int("maxLenBytes", 0, 0));
  return settings;
}

}  // namespace components::pubsub::rabbitmq
