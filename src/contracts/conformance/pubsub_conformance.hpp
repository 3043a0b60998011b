// The conformance suite of brokers: cases as data (pubsub_*.yaml in this folder) and the player
// that plays them against any implementation of PubSub.
//
// A case is a list of steps on a broker with topics of its own; `needs` names what the broker must
// promise for it (the names of PubSubPromise), `unless` what it must not. A step is one of
//   open: {as, topic, group, metadata, max, wait}   subscribes; `max` and `wait` ask for batches
//   publish: {topic, data | many | size | bytes, metadata, fails, retry}
//              `fails` is the kind of error it must end with; `retry` tries until it succeeds
//   bulk_publish: {topic, data, many}               `data` is a list here
//   receive: {on, data | many | size | bytes, verdict, any_order, again, metadata, batch}
//              waits for just these messages and answers each: done (the default), failed, return,
//              or hold, which leaves it in the handler; `again` allows messages seen before;
//              `batch` is the least number of messages that came together
//   settle: {on, data, verdict}                     answers a held message
//   nothing: {on, millis}                           no message is handed over for that long
//   pause, resume: NAME
//   close: {on, millis, while}                      `while: done` answers all that is held
//   meanwhile backlog: {on, is}                               waits until the broker tells this
//   number restart: {}                                     stops the broker and starts it again
// `many: 50` stands for m-0 to m-49, `size` for that many bytes, `bytes: all` for each byte once.
//
// For tests: a broker's own test registers the cases for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "config/properties.hpp"
#include "contracts/pubsub.hpp"

namespace contracts {

/// What a broker promises, as bits; the names in the cases are the lower-case words.
enum PubSubPromise : uint32_t {
  kPromiseOrdered = 1 << 0,     // ordered: a subscription that handles all gets them in order
  kPromiseRedelivers = 1 << 1,  // redelivers: what failed comes again without more being done
  kPromiseReturns = 1 << 2,     // returns: what was returned comes again, to whoever subscribes
  kPromiseGroups = 1 << 3,      // groups: subscriptions of one consumerID share the messages
  kPromiseKeeps = 1 << 4,     // keeps: a group that has subscribed once finds later what it missed
  kPromiseMetadata = 1 << 5,  // metadata: the publisher's metadata is handed to the subscriber
  kPromiseRestarts = 1 << 6,  // restarts: the test can restart the broker; nothing is lost
  kPromiseBacklog = 1 << 7,   // backlog: the broker tells how much waits
  kPromiseBatches = 1 << 8,   // batches: calls HandleBatch itself
  kPromiseSplits = 1 << 9,    // splits: several messages are handled at once
};

/// A broker under test.
class PubSubSubject {
 public:
  virtual ~PubSubSubject() = default;
  /// The name that `only` compares: "redis".
  virtual std::string_view kind() const = 0;
  /// PubSubPromise bits.
  virtual uint32_t promises() const = 0;
  /// An unstarted component; one for each group of a case. Brokers that live inside the component
  /// give the same one each time.
  virtual std::shared_ptr<PubSub> Make() = 0;
  /// What a component is started with; `group` becomes its consumerID.
  virtual config::Properties properties(const std::string& group) = 0;
  /// The name at the broker of a case's topic; `id` is the case's own.
  virtual std::string Topic(const std::string& name, const std::string& id) {
    return name + "-" + id;
  }
  /// Metadata of every subscription, such as queueType.
  virtual Metadata subscribe_metadata() const { return {}; }
  /// Blocks until the broker is up again; only with kPromiseRestarts.
  virtual void Restart() {}
  /// The longest a step waits for something that must come. At least twice what a redelivery takes.
  virtual std::chrono::milliseconds patience() const { return std::chrono::seconds(20); }
  /// How long `nothing` waits if a step does not say.
  virtual std::chrono::milliseconds silence() const { return std::chrono::milliseconds(300); }
};

/// Makes one test of `suite` for each case that fits the subject's promises. Call it to initialise
/// a constant of the test's file. `make` is called once for the registration and once for each
/// case.
bool RegisterPubSubConformance(const std::string& suite,
                               std::function<std::unique_ptr<PubSubSubject>()> make);

}  // namespace contracts
