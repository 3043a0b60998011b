// From topics and metadata to exchanges, queues and messages.
#include <algorithm>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "components/pubsub/rabbitmq/settings.hpp"

namespace components::pubsub::rabbitmq {

using base::Kind;
using base::StrCat;
using components::rabbitmq::Arguments;
using components::rabbitmq::BindingSpec;
using components::rabbitmq::ConsumerOptions;
using components::rabbitmq::ExchangeSpec;
using components::rabbitmq::Outgoing;
using components::rabbitmq::Properties;
using components::rabbitmq::QueueSpec;
using contracts::Metadata;

namespace {

constexpr int64_t kMaxPriority = 255;
// In place of "any number": what is here at once is memory of ours.
constexpr int kPrefetch = 64;
constexpr int kMostPrefetch = 256;
constexpr int kDefaultBatch = 100;

std::string TextOf(const Metadata& metadata, std::string_view name) {
  const std::string* found = metadata.FindIgnoreCase(name);
  return found ? std::string(base::Trim(*found)) : std::string();
}

std::unexpected<base::Error> Wrong(const Settings& settings, std::string_view name,
                                   std::string_view expected) {
  return base::Fail(Kind::kInvalidArgument, StrCat("component ", settings.component, ": metadata ",
                                                   name, " must be ", expected));
}

// A whole number from 1, or 0 where there is none.
base::Result<int64_t> NumberOf(const Settings& settings, const Metadata& metadata,
                               std::string_view name) {
  const std::string text = TextOf(metadata, name);
  if (text.empty()) return int64_t{0};
  const auto number = base::ParseInt<int64_t>(text);
  if (!number || *number < 0) return Wrong(settings, name, "a whole number");
  return *number;
}

void Limit(Arguments& arguments, int64_t length, int64_t bytes) {
  if (length > 0) arguments.emplace_back("x-max-length", length);
  if (bytes > 0) arguments.emplace_back("x-max-length-bytes", bytes);
}

// The block makes its batches of what it holds at once: a batch that cannot be here as a whole
// would wait out its time, each time. Where memory allows it the next one comes together while the
// app has the first.
uint16_t PrefetchOf(const Settings& settings, const contracts::SubscribeRequest& request) {
  if (settings.prefetch > 0) return settings.prefetch;
  if (!request.bulk) return kPrefetch;
  const int batch = request.bulk->max_messages > 0 ? request.bulk->max_messages : kDefaultBatch;
  if (batch >= kMostPrefetch) return kMostPrefetch;
  return static_cast<uint16_t>(std::clamp(2 * batch, kPrefetch, kMostPrefetch - 1));
}

struct QueueKind {
  bool quorum = false;
  bool delete_unused = false;
};

// Quorum queues neither delete themselves nor live in memory.
base::Result<QueueKind> KindOf(const Settings& settings, const Metadata& metadata) {
  const std::string type = base::ToLower(TextOf(metadata, "queueType"));
  if (type.empty() || type == "classic") return QueueKind{false, settings.delete_unused};
  if (type != "quorum") return Wrong(settings, "queueType", "classic or quorum");
  if (settings.delete_unused && settings.delete_unused_given) {
    return Wrong(settings, "queueType",
                 "classic, or quorum with deletedWhenUnused: false in the component: a quorum "
                 "queue cannot delete itself");
  }
  if (!settings.durable) {
    return Wrong(settings, "queueType",
                 "classic, or quorum with durable: true in the component: a quorum queue is "
                 "always durable");
  }
  return QueueKind{true, false};
}

base::Result<Arguments> ArgumentsOf(const Settings& settings, const Metadata& metadata,
                                    bool quorum) {
  Arguments arguments{{"x-queue-type", std::string(quorum ? "quorum" : "classic")}};
  ASSIGN_OR_RETURN(const int64_t priority, NumberOf(settings, metadata, "maxPriority"));
  if (priority > 0) {
    if (quorum)
      return Wrong(settings, "maxPriority", "left out: quorum queues take no x-max-priority");
    arguments.emplace_back("x-max-priority", std::min(priority, kMaxPriority));
  }
  ASSIGN_OR_RETURN(const int64_t length, NumberOf(settings, metadata, "maxLen"));
  ASSIGN_OR_RETURN(const int64_t bytes, NumberOf(settings, metadata, "maxLenBytes"));
  Limit(arguments, length > 0 ? length : settings.max_length,
        bytes > 0 ? bytes : settings.max_bytes);
  if (base::ParseBoolTruthy(TextOf(metadata, "singleActiveConsumer"))) {
    arguments.emplace_back("x-single-active-consumer", true);
  }
  return arguments;
}

void AddDeadLetters(const Settings& settings, const std::string& queue, ConsumerOptions& options,
                    Arguments& arguments) {
  const std::string exchange = StrCat("dlx-", queue);
  QueueSpec dead{.name = StrCat("dlq-", queue), .auto_delete = settings.delete_unused};
  dead.arguments = {{"x-queue-mode", std::string("lazy")}};
  Limit(dead.arguments, settings.max_length, settings.max_bytes);
  options.topology.exchanges.push_back(
      {.name = exchange, .kind = "fanout", .durable = true, .auto_delete = settings.delete_unused});
  options.topology.bindings.push_back({.queue = dead.name, .exchange = exchange});
  options.topology.queues.push_back(std::move(dead));
  arguments.emplace_back("x-dead-letter-exchange", exchange);
}

}  // namespace

ExchangeSpec ExchangeOf(const Settings& settings, const std::string& topic) {
  return {.name = topic,
          .kind = settings.exchange_kind,
          .durable = settings.durable,
          .auto_delete = settings.delete_unused};
}

base::Result<ConsumerOptions> ConsumerOf(const Settings& settings,
                                         const contracts::SubscribeRequest& request) {
  const Metadata& metadata = request.metadata;
  ASSIGN_OR_RETURN(const QueueKind kind, KindOf(settings, metadata));
  std::string queue = TextOf(metadata, "queueName");
  if (queue.empty()) {
    if (settings.consumer_id.empty()) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat("component ", settings.component,
                               ": consumerID is required for subscriptions, or queueName in the "
                               "subscription's metadata"));
    }
    queue = StrCat(settings.consumer_id, "-", request.topic);
  }
  if (queue.size() > 255 - std::string_view("dlx-").size() || request.topic.size() > 255) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", settings.component,
                             ": names of topics and queues may have up to 250 bytes"));
  }
  ConsumerOptions options;
  options.component = settings.component;
  options.queue = queue;
  options.auto_delete = kind.delete_unused;
  options.counts_returns = kind.quorum;
  options.single = settings.single;
  options.acknowledge_always = settings.auto_ack;
  options.requeue = settings.requeue;
  options.prefetch = PrefetchOf(settings, request);
  options.hold = settings.hold;
  options.reconnect_wait = settings.connection.reconnect_wait;
  options.topology.exchanges.push_back(ExchangeOf(settings, request.topic));
  ASSIGN_OR_RETURN(Arguments arguments, ArgumentsOf(settings, metadata, kind.quorum));
  if (settings.dead_letter) AddDeadLetters(settings, queue, options, arguments);
  options.topology.queues.push_back({.name = queue,
                                     .durable = settings.durable,
                                     .auto_delete = kind.delete_unused,
                                     .arguments = std::move(arguments)});
  // The list may name "" too, which is the key of those who give none.
  const std::string keys = TextOf(metadata, "routingKey");
  for (const std::string_view key : base::SplitView(keys, ',')) {
    options.topology.bindings.push_back(
        {.queue = queue, .exchange = request.topic, .routing_key = std::string(base::Trim(key))});
  }
  return options;
}

base::Result<Outgoing> MessageOf(const Settings& settings, contracts::PublishRequest request) {
  const Metadata& metadata = request.metadata;
  Outgoing message;
  message.exchange = ExchangeOf(settings, request.topic);
  message.routing_key = TextOf(metadata, "routingKey");
  message.body = std::move(request.data);
  Properties& properties = message.properties;
  properties.content_type = "text/plain";
  properties.delivery_mode = settings.delivery_mode;
  std::optional<std::chrono::nanoseconds> ttl = settings.ttl;
  if (const std::string text = TextOf(metadata, "ttlInSeconds"); !text.empty()) {
    const auto seconds = base::ParseInt<int64_t>(text);
    if (!seconds || *seconds <= 0 || *seconds > INT32_MAX) {
      return Wrong(settings, "ttlInSeconds", "a whole number of seconds above 0");
    }
    ttl = std::chrono::seconds(*seconds);
  }
  if (ttl) {
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(*ttl).count();
    properties.expiration = std::to_string(std::clamp<int64_t>(millis, 1, UINT32_MAX));
  }
  if (const std::string text = TextOf(metadata, "priority"); !text.empty()) {
    const auto priority = base::ParseInt<int64_t>(text);
    if (!priority || *priority < 0) return Wrong(settings, "priority", "a number from 0 to 255");
    properties.priority = static_cast<uint8_t>(std::min(*priority, kMaxPriority));
  }
  const auto take = [&](std::string_view name, std::string& to) {
    if (const std::string* value = metadata.FindIgnoreCase(name)) to = *value;
  };
  take("contentType", properties.content_type);
  take("contentEncoding", properties.content_encoding);
  take("messageID", properties.message_id);
  take("correlationID", properties.correlation_id);
  take("replyTo", properties.reply_to);
  take("type", properties.type);
  take("appID", properties.app_id);
  return message;
}

}  // namespace components::pubsub::rabbitmq
