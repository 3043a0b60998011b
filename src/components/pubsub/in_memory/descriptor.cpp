#include "components/pubsub/in_memory/descriptor.hpp"

#include "components/pubsub/in_memory/broker.hpp"

namespace components::pubsub::in_memory {

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "pubsub.in-memory",
      .versions = {"v1"},
      .features = {"SUBSCRIBE_WILDCARDS", "BULK_SUBSCRIBE"},
      .summary =
          "Topics in the memory of the runtime. Nothing survives a restart and nothing is shared "
          "between processes: use it for development and tests. Every subscription gets each "
          "message, and again with back-off until it has been handled. Topics of subscriptions may "
          "be patterns: words are separated by `.` or `/`, `*` is one word, `#` "
          "any number of words, and a `*` at the end of the last word any rest.",
      .fields = {{.name = "queueLength",
                  .type = contracts::FieldType::kNumber,
                  .default_value = "10000",
                  .description =
                      "How many messages may wait for one subscription. Publishing waits "
                      "for room, and fails if there is none in time."},
                 {.name = "queueSize",
                  .type = contracts::FieldType::kByteSize,
                  .default_value = "16Mi",
                  .description = "How much memory the messages that wait for one subscription may "
                                 "take."},
                 {.name = "concurrency",
                  .default_value = "single",
                  .description =
                      "Whether an app is handed one message of a topic after the other, so "
                      "that nothing overtakes one that failed, or several at a time, "
                      "which begin in their order. Bulk subscriptions get one batch "
                      "after the other.",
                  .allowed = {"single", "parallel"},
                  .aliases = {"concurrencyMode"}},
                 {.name = "publishWait",
                  .type = contracts::FieldType::kDuration,
                  .default_value = "1s",
                  .description = "How long publishing waits for room. It does not wait for a "
                                 "subscription that is paused because its app is away."}},
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::PubSub> { return std::make_unique<Broker>(); }};
  return kDescriptor;
}

}  // namespace components::pubsub::in_memory
