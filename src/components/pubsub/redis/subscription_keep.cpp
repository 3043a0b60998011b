// How the subscription keeps what it holds its own, and gives it back.
#include "base/strings.hpp"
#include "components/pubsub/redis/delays.hpp"
#include "components/pubsub/redis/subscription.hpp"

namespace components::pubsub::redis {

using base::StrCat;

namespace {

constexpr std::size_t kMostAtOnce = 500;

}  // namespace

bool Subscription::Stale(const Held& held) const {
  return async::Loop::Current()->now() - held.fresh > keep_time_;
}

async::Task<void> Subscription::Keep() {
  const async::Context context(async::kForever, &give_up_);
  async::Duration wait = keep_time_ / 4;
  while (!give_up_.canceled()) {
    co_await refresh_.Wait(context.Until(async::Loop::Current()->After(wait)));
    if (give_up_.canceled()) break;
    const base::Status status = co_await Refresh();
    wait = status ? keep_time_ / 4
                  : std::max<async::Duration>(keep_time_ / 16, std::chrono::milliseconds(50));
    if (status || give_up_.canceled()) continue;
    Log()
        .RateLimited("pubsub.redis.keep", 1)
        .Warning(StrCat("the broker cannot be told that ", table_.size(), " messages of topic ",
                        group_.topic(), " are still ours: ", status.error().message));
  }
}

async::Task<base::Status> Subscription::Refresh() {
  const async::TimePoint now = async::Loop::Current()->now();
  // What runs may have been taken over if we were cut off for long; the verdict on it still counts.
  std::vector<StreamId> ours = table_.Ids([&](const Held& held) {
    return now - held.fresh >= keep_time_ / 8 && now - held.fresh <= keep_time_;
  });
  std::vector<StreamId> doubtful =
      table_.Ids([&](const Held& held) { return now - held.fresh > keep_time_; });
  for (std::size_t at = 0; at < ours.size(); at += kMostAtOnce) {
    const std::size_t end = std::min(ours.size(), at + kMostAtOnce);
    CO_RETURN_IF_ERROR(co_await RefreshHeld({ours.begin() + static_cast<std::ptrdiff_t>(at),
                                             ours.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  for (std::size_t at = 0; at < doubtful.size(); at += kMostAtOnce) {
    const std::size_t end = std::min(doubtful.size(), at + kMostAtOnce);
    CO_RETURN_IF_ERROR(co_await VerifyHeld({doubtful.begin() + static_cast<std::ptrdiff_t>(at),
                                            doubtful.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  if (!doubtful.empty()) Pump();
  co_return base::Status();
}

async::Task<base::Status> Subscription::RefreshHeld(const std::vector<StreamId>& ids) {
  const async::TimePoint asked = async::Loop::Current()->now();
  const async::Context context = Command();
  // What is not in the answer was trimmed from the stream: we have it, so it is handled all the
  // same.
  auto touched = co_await group_.Touch(context, ids, std::chrono::milliseconds(0));
  if (!touched) co_return std::unexpected(std::move(touched).error());
  for (const StreamId& id : ids) {
    if (Held* const held = table_.Find(id)) held->fresh = asked;
  }
  co_return base::Status();
}

// We may have been cut off for so long that others took these over. Those they did not are ours
// again; the others are theirs.
async::Task<base::Status> Subscription::VerifyHeld(const std::vector<StreamId>& ids) {
  const async::TimePoint asked = async::Loop::Current()->now();
  const auto idle = std::chrono::floor<std::chrono::milliseconds>(keep_time_);
  const async::Context context = Command();
  CO_ASSIGN_OR_RETURN(const std::vector<StreamId> ours, co_await group_.Touch(context, ids, idle));
  for (const StreamId& id : ours) {
    if (Held* const held = table_.Find(id)) held->fresh = asked;
  }
  for (const StreamId& id : ids) {
    Held* const held = table_.Find(id);
    const bool with_us =
        held && (held->state == Held::State::kReady || held->state == Held::State::kWaiting);
    if (with_us && Stale(*held)) table_.Remove(id);
  }
  co_return base::Status();
}

// What waits here goes back: whoever looks for abandoned entries next takes it, also a runtime that
// starts anew.
async::Task<void> Subscription::AbandonReady() {
  const auto waits = [](const Held& held) {
    return held.state == Held::State::kReady || held.state == Held::State::kWaiting;
  };
  const std::vector<StreamId> ids = table_.Ids(waits);
  for (const StreamId& id : ids) table_.Remove(id);
  for (std::size_t at = 0; at < ids.size(); at += kMostAtOnce) {
    const std::span<const StreamId> some =
        std::span(ids).subspan(at, std::min(kMostAtOnce, ids.size() - at));
    const async::Context context(async::Loop::Current()->After(std::chrono::milliseconds(500)));
    if (const base::Status given = co_await group_.Abandon(context, some); !given) {
      Log()
          .RateLimited("pubsub.redis.return", 1)
          .Warning(
              StrCat("messages of topic ", group_.topic(),
                     " will come again only after processingTimeout: ", given.error().message));
      co_return;
    }
  }
}

}  // namespace components::pubsub::redis
