#include "runtime/waiting_work.hpp"

#include <algorithm>

#include "async/loop.hpp"

namespace runtime {
namespace {

constexpr auto kFresh = std::chrono::seconds(2);
constexpr auto kPatience = std::chrono::seconds(3);

bool Fits(std::string_view wanted, std::string_view name) {
  return wanted.empty() || wanted == name;
}

}  // namespace

async::Task<void> WaitingWork::Refresh(const async::Context& context) {
  async::Loop& loop = *async::Loop::Current();
  if (loop.now() < fresh_until_) co_return;
  if (asking_) {
    co_await answered_.Wait(context.Until(loop.After(kPatience)));
    co_return;
  }
  asking_ = true;
  const contracts::Call call(async::Context(loop.After(kPatience)));
  messages_ = co_await subscriptions_.Backlogs(call);
  fresh_until_ = loop.After(kFresh);
  asking_ = false;
  answered_.Pulse();
}

async::Task<int64_t> WaitingWork::Count(const async::Context& context, Filter filter) {
  co_await Refresh(context);
  int64_t backlog = 0;
  int64_t in_hand = 0;
  for (const auto& waiting : messages_) {
    if (!Fits(filter.pubsub, waiting.pubsub) || !Fits(filter.topic, waiting.topic)) continue;
    backlog += std::max<int64_t>(waiting.backlog.value_or(0), 0);
    in_hand += waiting.in_hand;
  }
  // What waits for the app is known at once.
  if (filter.pubsub.empty() && filter.topic.empty()) {
    in_hand = std::max(in_hand, subscriptions_.pending());
  }
  const int64_t calls = filter.invocations ? target_.waiting() : 0;
  co_return backlog + in_hand + calls;
}

}  // namespace runtime
