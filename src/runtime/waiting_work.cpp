#include "runtime/waiting_work.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace runtime {
namespace {

constexpr auto kFresh = std::chrono::seconds(2);
constexpr auto kFreshDoubt = std::chrono::milliseconds(200);
constexpr auto kPatience = std::chrono::seconds(2);

bool Fits(std::string_view wanted, std::string_view name) {
  return wanted.empty() || wanted == name;
}

}  // namespace

async::Task<void> WaitingWork::Refresh(const async::Context& context) {
  async::Loop& loop = *async::Loop::Current();
  if (loop.now() < fresh_until_) co_return;
  if (asking_) {
    co_await answered_.Wait(context.Until(loop.After(2 * kPatience)));
    co_return;
  }
  asking_ = true;
  const contracts::Call call(async::Context(loop.After(kPatience)));
  auto messages = co_await subscriptions_.Backlogs(call);
  UseLastWords(messages);
  messages_ = std::move(messages);
  // A subscription that does not stand yet may do so in a moment.
  const bool all_known = std::all_of(messages_.begin(), messages_.end(),
                                     [](const Waiting& one) { return one.unknown.empty(); });
  fresh_until_ = loop.After(all_known ? kFresh : kFreshDoubt);
  asking_ = false;
  answered_.Pulse();
}

void WaitingWork::UseLastWords(std::vector<Waiting>& messages) const {
  for (Waiting& now : messages) {
    if (now.unknown.empty()) continue;
    const auto before = std::find_if(messages_.begin(), messages_.end(), [&](const Waiting& one) {
      return one.pubsub == now.pubsub && one.topic == now.topic;
    });
    if (before == messages_.end() || !before->unknown.empty()) continue;
    now.backlog = before->backlog;
    now.unknown.clear();
  }
}

async::Task<base::Result<int64_t>> WaitingWork::Count(const async::Context& context,
                                                      Filter filter) {
  co_await Refresh(context);
  if (fresh_until_ == async::TimePoint{}) {
    co_return base::Fail(base::Kind::kUnavailable, "the brokers have not been asked yet");
  }
  const Waiting* unknown = nullptr;
  int64_t backlog = 0;
  int64_t in_hand = 0;
  for (const auto& waiting : messages_) {
    if (!Fits(filter.pubsub, waiting.pubsub) || !Fits(filter.topic, waiting.topic)) continue;
    backlog += std::max<int64_t>(waiting.backlog.value_or(0), 0);
    in_hand += waiting.in_hand;
    if (!waiting.unknown.empty()) unknown = &waiting;
  }
  // What waits for the app is known at once.
  if (filter.pubsub.empty() && filter.topic.empty()) {
    in_hand = std::max(in_hand, subscriptions_.pending());
  }
  const int64_t calls = filter.invocations ? target_.waiting() : 0;
  const int64_t count = backlog + in_hand + calls;
  if (count == 0 && unknown) {
    co_return base::Fail(base::Kind::kUnavailable,
                         base::StrCat("it is not known what waits for topic ", unknown->topic,
                                      " of pubsub ", unknown->pubsub, ": ", unknown->unknown));
  }
  co_return count;
}

}  // namespace runtime
