#include "components/redis/link.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace components::redis {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause(25);
// Callers must be served within 2 s after the server is back.
constexpr milliseconds kLongestPause(800);
constexpr std::chrono::seconds kBetweenRenewals(1);
constexpr std::size_t kMaxWaiting = 10'000;

// Counts a caller in as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

}  // namespace

Link::Link(Dialer& dialer, Target target) : dialer_(dialer), target_(std::move(target)) {}

async::Duration Link::Pause() const {
  const int doublings = std::min(failures_ - 1, 10);
  return base::Jitter(std::min<async::Duration>(kFirstPause * (1 << doublings), kLongestPause));
}

async::Task<base::Result<std::shared_ptr<Connection>>> Link::Open(const async::Context& context) {
  Connection::Options options{.name = {}, .stall = dialer_.settings().read_timeout};
  if (target_.role != Role::kMaster) {
    co_return co_await dialer_.Open(context, target_.endpoint, target_.role, std::move(options));
  }
  auto master = co_await dialer_.FindMaster(context);
  if (!master) co_return std::unexpected(std::move(master).error());
  co_return co_await dialer_.Open(context, *master, Role::kMaster, std::move(options));
}

// Works only while somebody wants a connection: an app that has gone to sleep costs the server
// nothing.
async::Task<void> Link::Keep() {
  const async::Context context = gate_.context();
  while (!gate_.closing()) {
    if (waiting_ == 0) {
      co_await wanted_.Wait(context);
      continue;
    }
    if (co_await async::Sleep(context, next_attempt_) != async::Wake::kReady) break;
    auto opened = co_await Open(context);
    ++attempts_;
    if (!opened) {
      ++failures_;
      last_error_ = std::move(opened).error();
      next_attempt_ = async::Loop::Current()->After(Pause());
      changed_.Pulse();
      continue;
    }
    failures_ = 0;
    last_error_.reset();
    connection_ = *std::move(opened);
    next_renewal_ = async::Loop::Current()->After(kBetweenRenewals);
    changed_.Pulse();
    co_await connection_->WaitBroken(context);
    const std::shared_ptr<Connection> broken = std::move(connection_);
    co_await broken->Close();
    // A server that greets and hangs up is not asked without a pause.
    next_attempt_ = async::Loop::Current()->After(base::Jitter(kFirstPause));
  }
}

async::Task<base::Result<Connection*>> Link::Get(const async::Context& context) {
  if (waiting_ >= kMaxWaiting) {
    co_return base::Fail(Kind::kExhausted, StrCat("more than ", kMaxWaiting,
                                                  " callers wait for a connection to redis"
                                                  " already: slow down"));
  }
  const Counted counted(waiting_);
  const async::Context limited =
      context.Until(async::Loop::Current()->After(dialer_.settings().dial_timeout));
  const auto allowed =
      static_cast<uint64_t>(std::max(1, 1 + dialer_.settings().max_retries - failures_));
  const uint64_t last = attempts_ + allowed;
  if (!keeping_) {
    keeping_ = true;
    gate_.Spawn(Keep());
  } else {
    wanted_.Pulse();
  }
  while (!ready()) {
    if (gate_.closing()) co_return base::Fail(Kind::kCanceled, "the redis component is closing");
    if (last_error_ &&
        (attempts_ >= last || (attempts_ + allowed > last && IsLasting(*last_error_)))) {
      co_return std::unexpected(*last_error_);
    }
    const async::Wake wake = co_await changed_.Wait(limited);
    if (wake == async::Wake::kReady) continue;
    if (wake == async::Wake::kCanceled)
      co_return base::Fail(Kind::kCanceled, "the caller went away");
    if (last_error_) {
      co_return base::Fail(Kind::kTimeout, StrCat("no connection to redis before the deadline: ",
                                                  last_error_->message));
    }
    co_return base::Fail(
        Kind::kTimeout,
        StrCat(target_.role == Role::kMaster ? "redis master " + dialer_.settings().master_name
                                             : "redis at " + target_.endpoint.ToString(),
               " could not be reached before the deadline"));
  }
  co_return ready();
}

void Link::Renew(const base::Error& why) {
  async::Loop& loop = *async::Loop::Current();
  if (!ready() || loop.now() < next_renewal_) return;
  next_renewal_ = loop.After(kBetweenRenewals);
  const std::shared_ptr<Connection> connection = connection_;
  connection->Break(why);
}

async::Task<void> Link::Close() {
  // The keeper may wait for an event that never comes again: canceling ends its waits.
  if (connection_) connection_->Break({Kind::kCanceled, "the redis component is closing"});
  co_await gate_.Close(async::Context());
  changed_.Set();
  while (waiting_ > 0) co_await async::Yield();
}

}  // namespace components::redis
