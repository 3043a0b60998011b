// How the consumer stands at the broker; consumer_handling.cpp has what becomes of messages.
#include "components/rabbitmq/consumer.hpp"

#include <algorithm>
#include <vector>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "telemetry/log.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause(100);
constexpr std::chrono::seconds kFarewell(2);
// Of the consumer that only keeps its queue: others of the queue go first.
const Arguments kLowPriority{{"x-priority", int64_t{-10}}};

const telemetry::Log& Log() {
  static const telemetry::Log kLog("dapr.contrib");
  return kLog;
}

}  // namespace

Consumer::Consumer(Link& link, ConsumerHandler& handler, ConsumerOptions options)
    : link_(link), handler_(handler), options_(std::move(options)) {}

Consumer::~Consumer() {
  if (channel_) channel_->Abandon();
}

async::Task<base::Status> Consumer::Declare(const async::Context& context, Channel& channel) {
  for (const ExchangeSpec& exchange : options_.topology.exchanges) {
    CO_RETURN_IF_ERROR(co_await channel.DeclareExchange(context, exchange));
  }
  for (const QueueSpec& queue : options_.topology.queues) {
    CO_RETURN_IF_ERROR(co_await channel.DeclareQueue(context, queue));
  }
  for (const BindingSpec& binding : options_.topology.bindings) {
    CO_RETURN_IF_ERROR(co_await channel.BindQueue(context, binding));
  }
  co_return base::Status();
}

void Consumer::Drop() {
  if (channel_) channel_->Abandon();
  channel_.reset();
  OnChannelBroken();
}

async::Task<base::Status> Consumer::Attach(const async::Context& context, int attempts) {
  Drop();
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> connection,
                      co_await link_.Get(context, attempts));
  CO_ASSIGN_OR_RETURN(channel_, co_await connection->OpenChannel(context, this));
  ++channel_number_;
  mode_ = Mode::kNone;
  lost_ = false;
  recovering_ = false;
  CO_RETURN_IF_ERROR(co_await Declare(context, *channel_));
  co_return co_await Steer(context);
}

async::Task<base::Status> Consumer::Switch(const async::Context& context, Mode wanted) {
  const std::shared_ptr<Channel> channel = channel_;
  const std::string before = mode_ == Mode::kNone ? std::string() : consumer_;
  // The new consumer first: the queue is not without one for a moment.
  if (wanted != Mode::kNone) {
    const bool keeping = wanted == Mode::kKeeping;
    std::string name = StrCat(options_.queue, "-", base::NewUuid());
    if (name.size() > 255) name = base::NewUuid();
    consumer_ = name;
    CO_RETURN_IF_ERROR(
        co_await channel->SetPrefetch(context, keeping ? uint16_t{1} : options_.prefetch));
    CO_RETURN_IF_ERROR(co_await channel->Consume(context, options_.queue, name,
                                                 keeping ? kLowPriority : Arguments()));
  }
  mode_ = wanted;
  if (!before.empty()) CO_RETURN_IF_ERROR(co_await channel->Cancel(context, before));
  co_return base::Status();
}

// Brings what stands at the broker in line with what is wanted, until they agree.
async::Task<base::Status> Consumer::Steer(const async::Context& context) {
  while (!closing_) {
    if (!ready() || lost_) {
      co_return base::Fail(Kind::kUnavailable, "the broker has ended the consumer");
    }
    const Mode wanted = !paused_               ? Mode::kConsuming
                        : options_.auto_delete ? Mode::kKeeping
                                               : Mode::kNone;
    if (wanted == mode_) break;
    CO_RETURN_IF_ERROR(co_await Switch(context, wanted));
  }
  co_return base::Status();
}

async::Task<base::Status> Consumer::Start(const async::Context& context) {
  base::Status status = co_await Attach(context, 2);
  if (!status) {
    Drop();
    co_return status;
  }
  gate_.Spawn(Run());
  co_return status;
}

async::Task<void> Consumer::Run() {
  const async::Context context(async::kForever, &stop_);
  int failures = 0;
  while (!closing_) {
    base::Status status;
    if (ready() && !lost_) {
      status = co_await Steer(context);
      if (status && !closing_) {
        failures = 0;
        ReturnOld();
        co_await change_.Wait(context.Until(NextReturn()));
        continue;
      }
    }
    if (closing_) break;
    const async::Duration longest =
        std::chrono::duration_cast<async::Duration>(options_.reconnect_wait);
    const async::Duration pause = base::Jitter(
        std::min<async::Duration>(kFirstPause * (1 << std::min(failures, 10)), longest));
    if (failures > 0) {
      co_await async::Sleep(context, async::Loop::Current()->After(pause));
      if (closing_) break;
    }
    ++failures;
    status = co_await Attach(context, 1);
    if (closing_) break;
    if (status) {
      Log().Info(StrCat("component ", options_.component, ": consuming from the queue ",
                        options_.queue, " again"));
      HandOver();
      continue;
    }
    Drop();
    Log()
        .RateLimited("rabbitmq consumer", 1)
        .Warning(StrCat("component ", options_.component, ": the queue ", options_.queue,
                        " cannot be consumed, trying again: ", status.error().message));
  }
}

void Consumer::OnConsumerEnded(std::string_view consumer) {
  if (consumer != consumer_) return;
  lost_ = true;
  change_.Pulse();
}

void Consumer::OnChannelBroken() {
  // The broker has everything again and hands it out anew; what nobody is at work on is not
  // worth a second copy.
  mode_ = Mode::kNone;
  buffer_.clear();
  recovering_ = false;
  for (const InHandPtr& one : in_hand_) one->gone = true;
  if (paused_) CancelAll();
  change_.Pulse();
}

void Consumer::CancelAll() {
  // Those who are resumed leave the list.
  const std::vector<InHandPtr> all(in_hand_.begin(), in_hand_.end());
  for (const InHandPtr& one : all) one->cancel.Cancel();
}

void Consumer::Pause() {
  if (std::exchange(paused_, true)) return;
  change_.Pulse();
}

void Consumer::Resume() {
  if (!std::exchange(paused_, false)) return;
  returns_ = 0;
  resumed_.Pulse();
  change_.Pulse();
  HandOver();
}

async::Task<base::Result<int64_t>> Consumer::Backlog(const async::Context& context) {
  const std::shared_ptr<Channel> channel = channel_;
  if (!channel || channel->broken()) {
    co_return base::Fail(
        Kind::kUnavailable,
        StrCat("there is no connection to rabbitmq for the queue ", options_.queue, " at present"));
  }
  CO_ASSIGN_OR_RETURN(const int64_t ready, co_await channel->CountReady(context, options_.queue));
  co_return ready + static_cast<int64_t>(buffer_.size());
}

async::Task<void> Consumer::Close(const async::Context& context) {
  closing_ = true;
  stop_.Cancel();
  const async::Context forever;
  const async::Context farewell(async::Loop::Current()->After(kFarewell));
  // A queue that deletes itself must keep its consumer until all is settled.
  if (ready() && mode_ != Mode::kNone && !options_.auto_delete) {
    const std::shared_ptr<Channel> channel = channel_;
    (void)co_await channel->Cancel(farewell, consumer_);
  }
  while (!in_hand_.empty()) {
    if (co_await settled_.Wait(context) != async::Wake::kReady) break;
  }
  CancelAll();
  while (!in_hand_.empty()) co_await settled_.Wait(forever);
  co_await gate_.Close(forever);
  if (channel_) {
    const std::shared_ptr<Channel> channel = std::exchange(channel_, nullptr);
    const async::Context last(async::Loop::Current()->After(kFarewell));
    co_await channel->Close(last);
  }
  buffer_.clear();
}

}  // namespace components::rabbitmq
