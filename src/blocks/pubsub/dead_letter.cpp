#include "blocks/pubsub/dead_letter.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace blocks::pubsub {
namespace {

using contracts::Verdict;

constexpr auto kDeadLetterPatience = std::chrono::seconds(30);

}  // namespace

std::string_view ProcessStatus(Answer answer) {
  switch (answer) {
    case Answer::kSuccess:
      return "success";
    case Answer::kDrop:
    case Answer::kNoRoute:
    case Answer::kUnserved:
      return "drop";
    default:
      return "retry";
  }
}

void MessageEnd::Warn(std::string_view key, std::string_view what, std::string_view why) const {
  options_.log->RateLimited(key, 5).Warning(base::StrCat(
      "message of topic ", options_.topic, " of pubsub ", pubsub_name(), " ", what, ": ", why));
}

async::Task<bool> MessageEnd::PublishDeadLetter(const contracts::Call& call,
                                                const contracts::Message& message,
                                                std::string_view topic) const {
  if (call.canceled()) co_return false;
  // Not the delivery's own time: that may be over just because the app was slow.
  contracts::Call publish(async::Context(async::Loop::Current()->After(kDeadLetterPatience)));
  publish.app_id = call.app_id;
  const auto status = co_await options_.publish->PublishMessage(
      publish, *options_.pubsub, topic, message.data, message.content_type, message.metadata);
  if (!status) {
    options_.log->RateLimited("dead_letter", 5)
        .Error(base::StrCat("the dead-letter topic ", topic, " of pubsub ", pubsub_name(),
                            " did not take a message: ", status.error().message));
  }
  co_return status.has_value();
}

async::Task<Verdict> MessageEnd::SettleEntry(const contracts::Call& call, Answer answer,
                                             std::string_view why,
                                             const contracts::Message& message,
                                             std::string_view dead_letter_topic) const {
  switch (answer) {
    case Answer::kSuccess:
      co_return Verdict::kDone;
    case Answer::kEnded:
    case Answer::kAway:
    case Answer::kRefused:
      co_return Verdict::kReturn;
    case Answer::kUnserved:
      Warn("unserved", "is dropped", why);
      co_return Verdict::kDone;
    default:
      break;
  }
  const bool drop = answer == Answer::kDrop || answer == Answer::kNoRoute;
  co_return co_await Undeliverable(call, message, dead_letter_topic, why, drop);
}

async::Task<Verdict> MessageEnd::Undeliverable(const contracts::Call& call,
                                               const contracts::Message& message,
                                               std::string_view dead_letter_topic,
                                               std::string_view why, bool drop) const {
  if (dead_letter_topic.empty()) {
    Warn(drop ? "dropped" : "failed", drop ? "is dropped" : "was not handled", why);
    co_return drop ? Verdict::kDone : Verdict::kFailed;
  }
  Warn("dead", base::StrCat("goes to the dead-letter topic ", dead_letter_topic), why);
  const bool taken = co_await PublishDeadLetter(call, message, dead_letter_topic);
  co_return taken ? Verdict::kDone : Verdict::kFailed;
}

async::Task<Verdict> MessageEnd::Settle(const contracts::Call& call, DeliveryResult result,
                                        const contracts::Message& message,
                                        std::string_view dead_letter_topic,
                                        double elapsed_ms) const {
  if (options_.metrics && result.answer != Answer::kEnded && result.answer != Answer::kAway &&
      result.answer != Answer::kRefused) {
    options_.metrics->PubsubIngress(pubsub_name(), options_.topic, ProcessStatus(result.answer),
                                    result.answer == Answer::kDrop ? "success" : "", elapsed_ms);
  }
  if (result.answer == Answer::kSuccess) co_return Verdict::kDone;
  co_return co_await SettleEntry(call, result.answer, result.why, message, dead_letter_topic);
}

}  // namespace blocks::pubsub
