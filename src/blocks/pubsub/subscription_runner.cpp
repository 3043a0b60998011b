#include "blocks/pubsub/subscription_runner.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace blocks::pubsub {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // for one try
constexpr auto kFirstWait = std::chrono::milliseconds(500);
constexpr auto kLongestWait = std::chrono::seconds(30);

Subscriber::Options WithFull(Subscriber::Options options, std::function<void(bool)> full) {
  options.full = std::move(full);
  return options;
}

}  // namespace

SubscriptionRunner::SubscriptionRunner(Subscriber::Options options, bool app_away,
                                       std::function<void()> stands)
    : pubsub_(*options.end.pubsub),
      topic_(options.ready->spec.topic),
      ready_(options.ready),
      metrics_(options.end.metrics),
      log_(options.end.log),
      stands_(std::move(stands)),
      subscriber_(WithFull(std::move(options), [this](bool full) { SetReason(kFull, full); })),
      reasons_(app_away ? kAppAway : 0) {}

struct SubscriptionRunner::Question {
  base::Result<std::optional<int64_t>> answer =
      base::Fail(base::Kind::kTimeout, "the broker has not answered in time");
  async::Event answered;
};

SubscriptionRunner::~SubscriptionRunner() = default;

void SubscriptionRunner::Start() {
  TellPaused();
  gate_.Spawn(Run());
}

async::Task<void> SubscriptionRunner::Run() {
  async::Loop& loop = *async::Loop::Current();
  const async::Context context = gate_.context();
  async::Duration wait = kFirstWait;
  while (!gate_.closing()) {
    contracts::SubscribeRequest request;
    request.topic = pubsub_.BrokerTopic(topic_);
    for (const auto& [key, value] : ready_->spec.metadata) request.metadata.Set(key, value);
    const config::BulkSubscribe& bulk = ready_->spec.bulk;
    if (bulk.enabled) {
      request.bulk =
          contracts::BulkSubscribeOptions{bulk.max_messages_count, bulk.max_await_duration_ms};
    }
    const contracts::Call call(context.Until(loop.After(kPatience)));
    auto subscribed = co_await pubsub_.pubsub->Subscribe(call, std::move(request), subscriber_);
    if (subscribed) {
      subscription_ = std::move(*subscribed);
      if (reasons_ != 0) subscription_->Pause();
      standing_->Set();
      if (stands_) stands_();
      co_return;
    }
    if (gate_.closing()) co_return;
    const base::Error& error = subscribed.error();
    log_->Error(base::StrCat("failed to subscribe to topic ", topic_, " of pubsub ", pubsub_.name,
                             ": ", error.message));
    // What cannot be mended by trying is still looked at now and then: the broker may change.
    if (error.kind == base::Kind::kInvalidArgument) wait = kLongestWait;
    co_await async::Sleep(context, loop.After(base::Jitter(wait)));
    wait = std::min<async::Duration>(wait * 2, kLongestWait);
  }
}

async::Task<bool> SubscriptionRunner::Standing(const async::Context& context) {
  // The runner may end, and be gone, before the wait does.
  const std::shared_ptr<async::Event> standing = standing_;
  co_await standing->Wait(context);
  co_return standing->is_set();
}

void SubscriptionRunner::SetReason(Reason reason, bool on) {
  const bool paused = reasons_ != 0;
  reasons_ = static_cast<uint8_t>(on ? reasons_ | reason : reasons_ & ~reason);
  TellPaused();
  if (!subscription_ || paused == (reasons_ != 0)) return;
  if (reasons_ != 0) {
    subscription_->Pause();
  } else {
    subscription_->Resume();
  }
}

void SubscriptionRunner::TellPaused() {
  const bool paused = (reasons_ & (kAppAway | kEnding)) == kAppAway;
  if (std::exchange(told_paused_, paused) == paused || !metrics_) return;
  metrics_->PausedSubscriptions(pubsub_.name, topic_, paused ? 1 : -1);
}

void SubscriptionRunner::Update(std::shared_ptr<const ReadySubscription> ready) {
  ready_ = ready;
  subscriber_.Update(std::move(ready));
}

void SubscriptionRunner::BeginEnd() {
  SetReason(kEnding, true);
  subscriber_.ReturnHeld();
  standing_->Pulse();
}

async::Task<void> SubscriptionRunner::Close(const async::Context& context) {
  BeginEnd();
  const async::Context patient;
  co_await gate_.Close(patient);
  co_await questions_.Close(patient);
  if (subscription_) {
    const contracts::Call call(context);
    co_await subscription_->Close(call);
    subscription_.reset();
  }
  co_await subscriber_.Close();
}

async::Task<base::Result<std::optional<int64_t>>> SubscriptionRunner::Backlog(
    const contracts::Call& call) {
  // One at a time: what a broker has not answered yet need not be asked again.
  if (!asking_ || asking_->answered.is_set()) {
    asking_ = std::make_shared<Question>();
    if (!subscription_ || !questions_.Spawn(Ask(call.deadline, asking_))) {
      asking_.reset();
      co_return base::Fail(base::Kind::kUnavailable,
                           "the subscription does not stand at the broker");
    }
  }
  const std::shared_ptr<Question> question = asking_;
  co_await question->answered.Wait(call);
  co_return question->answer;
}

async::Task<void> SubscriptionRunner::Ask(async::TimePoint until,
                                          std::shared_ptr<Question> question) {
  const contracts::Call call(questions_.context().Until(until));
  question->answer = co_await subscription_->Backlog(call);
  question->answered.Set();
}

}  // namespace blocks::pubsub
