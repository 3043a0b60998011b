// How the subscription comes by entries: new ones, and those of dead consumers.
#include "base/strings.hpp"
#include "components/pubsub/redis/delays.hpp"
#include "components/pubsub/redis/subscription.hpp"

namespace components::pubsub::redis {

using base::StrCat;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// The server answers at least this often, so that a dead one is noticed.
constexpr seconds kLongestBlock(5);
constexpr milliseconds kFirstPause(50);
constexpr seconds kLongestPause(1);
// Acknowledgements that cannot be sent keep more from coming.
constexpr std::size_t kMostUnacknowledged = 10'000;
constexpr milliseconds kShortestSearchInterval(50);
constexpr int kPage = 100;
// Pages looked through before others get their turn.
constexpr int kPagesInARow = 50;

}  // namespace

async::Task<void> Subscription::Pull() {
  const async::Context context(async::kForever, &stop_pulling_);
  int failures = 0;
  while (!closing_) {
    if (paused_) {
      // An app that is away for long costs no connection.
      co_await reader_.Close();
      if (paused_ && !closing_) co_await resumed_.Wait(context);
      continue;
    }
    const std::size_t room = done_.size() < kMostUnacknowledged ? table_.Wanted() : 0;
    if (room == 0) {
      co_await room_.Wait(context);
      continue;
    }
    const bool reading = group_stands_ && reader_.is_open();
    const base::Status status = co_await PullOnce(room);
    if (status) {
      if (reading && std::exchange(failures, 0) > 1) {
        Log().Info(StrCat("topic ", group_.topic(), " is read again"));
      }
      continue;
    }
    if (status.error().kind == base::Kind::kTooLarge) table_.ExpectLarge();
    if (!closing_ && !paused_) co_await AfterFailure(status.error(), ++failures);
  }
  co_await reader_.Close();
  pulling_ = false;
  idle_.Pulse();
}

// The next step towards entries.
async::Task<base::Status> Subscription::PullOnce(std::size_t room) {
  if (!group_stands_) {
    const async::Context context = Command();
    CO_RETURN_IF_ERROR(co_await group_.Create(context));
    group_stands_ = true;
    co_return base::Status();
  }
  if (settings_.takes_over() && next_search_ <= async::Loop::Current()->now()) {
    co_return co_await TakeOver();
  }
  if (!reader_.is_open()) {
    const async::Context context(async::kForever, &stop_pulling_);
    co_return co_await reader_.Open(context);
  }
  auto entries = co_await reader_.Read(room, BlockTime());
  if (!entries) co_return std::unexpected(std::move(entries).error());
  Add(*std::move(entries));
  co_return base::Status();
}

milliseconds Subscription::BlockTime() const {
  if (!settings_.takes_over()) return kLongestBlock;
  const auto left = std::chrono::ceil<milliseconds>(next_search_ - async::Loop::Current()->now());
  return std::clamp<milliseconds>(left, milliseconds(1), kLongestBlock);
}

async::Task<void> Subscription::AfterFailure(const base::Error& error, int failures) {
  co_await reader_.Close();
  // The stream may have been deleted, or its server replaced.
  group_stands_ = false;
  if (failures == 1) co_return;
  Log()
      .RateLimited("pubsub.redis.read", 1)
      .Warning(StrCat("topic ", group_.topic(), " cannot be read, trying on: ", error.message));
  const async::Context context(async::kForever, &stop_pulling_);
  co_await async::Sleep(
      context, async::Loop::Current()->After(DelayAfter(failures - 1, kFirstPause, kLongestPause)));
}

void Subscription::Add(std::vector<Pulled> entries) {
  const async::TimePoint now = async::Loop::Current()->now();
  for (Pulled& entry : entries) {
    if (!entry.readable) {
      Log()
          .RateLimited("pubsub.redis.entry", 1)
          .Warning(StrCat("an entry of topic ", group_.topic(),
                          " has no field data and is left out: ", entry.id.ToString()));
      Acknowledge(entry.id);
      continue;
    }
    table_.Add(std::move(entry), now);
  }
  Pump();
}

// Goes through what is pending with anybody and takes what nobody has touched for long. Ends early
// when there is no more room: it is then the first to be gone on with.
async::Task<base::Status> Subscription::TakeOver() {
  StreamId from;
  for (int page = 0; page < kPagesInARow; ++page) {
    const async::Context context = Command();
    CO_ASSIGN_OR_RETURN(const std::vector<PendingEntry> pending,
                        co_await group_.Pending(context, from, kPage));
    const std::size_t room = table_.Wanted();
    std::vector<StreamId> idle;
    std::size_t more = 0;
    for (const PendingEntry& entry : pending) {
      if (entry.idle < settings_.processing_timeout || table_.Find(entry.id)) continue;
      if (idle.size() < room) {
        idle.push_back(entry.id);
      } else {
        ++more;
      }
    }
    if (!idle.empty()) CO_RETURN_IF_ERROR(co_await ClaimSome(std::move(idle)));
    if (more > 0 || paused_ || closing_) co_return base::Status();
    if (pending.size() < kPage) break;
    from = pending.back().id.Next();
  }
  next_search_ = async::Loop::Current()->After(
      base::Jitter(std::max(settings_.redeliver_interval, kShortestSearchInterval)));
  co_return base::Status();
}

async::Task<base::Status> Subscription::ClaimSome(std::vector<StreamId> ids) {
  const async::Context context = Command();
  CO_ASSIGN_OR_RETURN(std::vector<Pulled> claimed,
                      co_await group_.Claim(context, ids, settings_.processing_timeout));
  Add(std::move(claimed));
  co_return base::Status();
}

}  // namespace components::pubsub::redis
