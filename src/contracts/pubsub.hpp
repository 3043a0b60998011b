// PubSub: a message broker, or the part of one, that topics live on.
//
// blocks/pubsub is the caller. Publishing: the bytes arrive complete (the CloudEvent is built by
// the block, or the caller asked for raw bytes). Subscribing: the component pulls messages and
// hands each to the block's MessageHandler, which answers with a Verdict when the app has dealt
// with it.
//
// The app may be away for long. The block then calls Pause on the subscription and keeps what it
// was already handed: those handlers simply do not return until the app is back. A paused component
// pulls nothing more, keeps its session with the broker alive (heartbeats, leases of what is held),
// and spends no redelivery count, no dead letter and no acknowledgement. What a broker does not let
// a consumer hold that long goes back to it by Verdict::kReturn's rule and is pulled anew later.
//
// Publish and BulkPublish may be called on any loop. Subscribe is called on the loop that the
// subscription then lives on: the handler is called there, and Pause, Resume, Backlog and Close
// are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/component.hpp"
#include "contracts/metadata.hpp"

namespace contracts {

struct PublishRequest {
  std::string topic;
  std::string data;
  std::string content_type;  // may be empty
  Metadata metadata;         // such as ttlInSeconds, partitionKey, routingKey
};

struct BulkPublishEntry {
  std::string entry_id;  // unique within the request; checked by the block
  std::string data;
  std::string content_type;
  Metadata metadata;
};
struct BulkPublishRequest {
  std::string topic;
  std::vector<BulkPublishEntry> entries;
  Metadata metadata;
};
/// An entry the broker did not take.
struct BulkPublishFailure {
  std::string entry_id;
  base::Error error;
};

/// A message as it came from the broker.
struct Message {
  std::string topic;
  std::string data;
  std::string content_type;  // what the broker knows of it; empty = nothing
  Metadata metadata;         // handed to the app beside the event
};

/// What has become of a message.
enum class Verdict : uint8_t {
  kDone,    // acknowledge it
  kFailed,  // the app could not: redeliver it as this broker and its settings do
  kReturn,  // nobody looked at it (the subscription ends, the app is away): leave it with the
            // broker as if it had never been pulled, as far as the broker allows
};

/// The block's side of a subscription. Outlives it. Called on the subscription's loop, for several
/// messages at once up to the component's own concurrency. `call` has no deadline; it is cancelled
/// when the subscription must end at once, and the answer then comes promptly.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  virtual async::Task<Verdict> Handle(const Call& call, Message message) = 0;
  /// One verdict a message, in their order. Only called if SubscribeRequest::bulk is set, by
  /// components with kPubSubBulkSubscribe.
  virtual async::Task<std::vector<Verdict>> HandleBatch(const Call& call,
                                                        std::vector<Message> messages) = 0;
};

struct BulkSubscribeOptions {
  int max_messages = 0;      // 0 = the component's default
  int max_await_millis = 0;  // 0 = the component's default
};

struct SubscribeRequest {
  std::string topic;
  Metadata metadata;  // of the subscription: queueType, routingKey, rawPayload, ...
  std::optional<BulkSubscribeOptions> bulk;
};

/// A running subscription. A lost broker is the component's to deal with: it reconnects with
/// back-off for as long as the subscription exists and says so in the log, rate limited.
class Subscription {
 public:
  virtual ~Subscription() = default;

  /// Stops pulling. What was pulled and not yet handed over may still be; returns at once.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  /// Messages that wait at the broker for this subscription's group, without those handed over;
  /// nullopt where the broker does not tell.
  virtual async::Task<base::Result<std::optional<int64_t>>> Backlog(const Call& call) {
    (void)call;
    co_return std::nullopt;
  }
  /// Stops pulling, waits for handlers until the call's deadline, then cancels them; their messages
  /// are settled by the verdicts that came. After it the handler is not called again. Called once,
  /// before destruction.
  virtual async::Task<void> Close(const Call& call) = 0;
};

/// Bits of Features().
enum PubSubFeature : uint32_t {
  kPubSubTtl = 1 << 0,            // expires messages itself (ttlInSeconds)
  kPubSubWildcards = 1 << 1,      // topics of subscriptions may be patterns
  kPubSubBulkPublish = 1 << 2,    // BulkPublish is one exchange with the broker
  kPubSubBulkSubscribe = 1 << 3,  // calls HandleBatch itself; the block batches for the others
};
/// The names the metadata API shows for the bits.
std::vector<std::string_view> PubSubFeatureNames(uint32_t features);

class PubSub : public Component {
 public:
  virtual uint32_t Features() const = 0;

  /// False if messages that nobody has dealt with are gone when the component is closed.
  virtual bool keeps_messages() const { return true; }

  /// Returns when the broker has taken the message (as its settings define that). A message that
  /// may have been taken is never silently sent again unless the broker removes doubles.
  virtual async::Task<base::Status> Publish(const Call& call, PublishRequest request) = 0;
  /// A broker in memory is asked through PublishNow first: no coroutine, no wait. nullopt: the
  /// message has to wait; nothing has happened, `request` is untouched and Publish must be called.
  /// Brokers that keep `publishes_at_once` false are never asked.
  virtual bool publishes_at_once() const { return false; }
  virtual std::optional<base::Status> PublishNow(PublishRequest& request) {
    (void)request;
    return std::nullopt;
  }
  /// The entries that failed; empty = all were taken. The standard form publishes them one by one,
  /// some at once, in no particular order.
  virtual async::Task<std::vector<BulkPublishFailure>> BulkPublish(const Call& call,
                                                                   BulkPublishRequest request);

  /// Returns when the subscription stands at the broker, so that what is published from then on
  /// arrives. `handler` outlives the Subscription. An error is one that trying again may mend, or
  /// kInvalidArgument if it cannot (a topic the broker will never take).
  virtual async::Task<base::Result<std::unique_ptr<Subscription>>> Subscribe(
      const Call& call, SubscribeRequest request, MessageHandler& handler) = 0;
};

}  // namespace contracts
