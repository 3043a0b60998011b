#include "blocks/pubsub/stream_subscription.hpp"

#include <algorithm>
#include <chrono>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "blocks/invoke/wire.hpp"
#include "blocks/pubsub/delivery_message.hpp"
#include "blocks/pubsub/delivery_policy.hpp"

namespace blocks::pubsub {
namespace {

namespace wire = blocks::invoke::wire;
using contracts::Verdict;

constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kFirstWait = std::chrono::milliseconds(500);
constexpr auto kLongestWait = std::chrono::seconds(30);
constexpr auto kCloseTime = std::chrono::seconds(5);
// Handed over by the component; beyond it no more is pulled.
constexpr int kMostInHand = 2 * static_cast<int>(StreamSubscription::kWindow);
constexpr std::string_view kStreamPath = "/";

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

// A SubscribeTopicEventsResponseAlpha1 with the event. An event without id gets one, since the
// caller names the event by it.
std::string EventMessage(const IncomingEvent& event, const EventPlace& place,
                         const std::string& id) {
  std::string request = TopicEventMessage(event, place);
  if (event.event().String("id").value_or("").empty()) wire::AppendBytes(request, 1, id);
  std::string out;
  out.reserve(request.size() + 8);
  wire::AppendBytes(out, 2, request);
  return out;
}

// The one with initial_response, which callers expect before any event.
std::string InitialMessage() {
  std::string out;
  wire::AppendBytes(out, 1, {});
  return out;
}

}  // namespace

// A message in our hands.
class StreamSubscription::Place {
 public:
  explicit Place(StreamSubscription& owner) : owner_(owner) { owner_.Hand(1); }
  ~Place() { owner_.Hand(-1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  StreamSubscription& owner_;
};

// One way of bringing an event to the caller and hearing what became of it.
class StreamSubscription::Attempt final : public DeliveryAttempt {
 public:
  Attempt(StreamSubscription& owner, const IncomingEvent& event, const std::string& topic,
          const std::string& id)
      : owner_(owner), event_(event), topic_(topic), id_(id) {}

  async::Task<DeliveryResult> Run(const contracts::Call& call) override {
    Flight flight;
    auto& same_id = owner_.flights_[id_];
    const auto at = same_id.insert(same_id.end(), &flight);
    const EventPlace place{.pubsub = owner_.spec_.pubsub, .topic = topic_, .path = kStreamPath};
    const bool sent = !owner_.over_ && co_await owner_.Send(call, EventMessage(event_, place, id_));
    async::Wake wake = async::Wake::kReady;
    if (sent && !flight.answered && !owner_.over_) wake = co_await flight.done.Wait(call);
    if (!flight.answered) {
      auto& list = owner_.flights_[id_];
      list.erase(at);
      if (list.empty()) owner_.flights_.erase(id_);
      if (wake == async::Wake::kTimeout) {
        co_return DeliveryResult{Answer::kFailed, "the stream has not answered in time"};
      }
      co_return DeliveryResult{Answer::kEnded, "the stream has ended"};
    }
    DeliveryResult result{AnswerOfStatus(flight.status), {}};
    if (result.answer == Answer::kRetry) result.why = "the stream answered RETRY";
    if (result.answer == Answer::kDrop) result.why = "the stream answered DROP";
    co_return result;
  }

 private:
  StreamSubscription& owner_;
  const IncomingEvent& event_;
  const std::string& topic_;
  const std::string& id_;
};

StreamSubscription::StreamSubscription(SubscriptionSpec spec, MessageEnd::Options end,
                                       Client& client)
    : spec_(std::move(spec)), end_(std::move(end)), client_(client) {}
StreamSubscription::~StreamSubscription() = default;

void StreamSubscription::Hand(int change) {
  in_hand_ += change;
  const bool too_many = in_hand_ >= (paused_ ? kMostInHand / 2 : kMostInHand);
  if (subscription_ && !ending_ && paused_ != too_many) {
    paused_ = too_many;
    if (paused_) {
      subscription_->Pause();
    } else {
      subscription_->Resume();
    }
  }
  if (in_hand_ == 0) idle_.Pulse();
}

async::Task<base::Status> StreamSubscription::Open(const async::Context& context) {
  async::Loop& loop = *async::Loop::Current();
  async::Duration wait = kFirstWait;
  while (!subscription_) {
    contracts::SubscribeRequest request;
    request.topic = end_.pubsub().BrokerTopic(spec_.topic);
    for (const auto& [key, value] : spec_.metadata) request.metadata.Set(key, value);
    const contracts::Call call(context.Until(loop.After(kPatience)));
    auto subscribed = co_await end_.pubsub().pubsub->Subscribe(call, std::move(request), *this);
    if (subscribed) {
      subscription_ = std::move(*subscribed);
      break;
    }
    if (context.canceled() || subscribed.error().kind == base::Kind::kInvalidArgument) {
      co_return std::unexpected(std::move(subscribed).error());
    }
    end_.log().Error(base::StrCat("failed to subscribe a stream to topic ", spec_.topic,
                                  " of pubsub ", spec_.pubsub, ": ", subscribed.error().message));
    co_await async::Sleep(context, loop.After(base::Jitter(wait)));
    wait = std::min<async::Duration>(wait * 2, kLongestWait);
  }
  if (ending_) subscription_->Pause();
  if (over_) co_return base::Status();
  CO_RETURN_IF_ERROR(co_await client_.Send(context, InitialMessage()));
  told_.Set();
  co_return base::Status();
}

async::Task<bool> StreamSubscription::Send(const contracts::Call& call, std::string message) {
  if (co_await writing_.Acquire(call) != async::Wake::kReady) co_return false;
  base::Status sent = base::Fail(base::Kind::kCanceled, "the stream has ended");
  if (!over_) sent = co_await client_.Send(call, std::move(message));
  writing_.Release();
  co_return sent.has_value();
}

async::Task<Verdict> StreamSubscription::Handle(const contracts::Call& call,
                                                contracts::Message message) {
  const Place place(*this);
  IncomingEvent event(std::move(message));
  const std::string& dead_letter = spec_.dead_letter_topic;
  const std::string topic =
      event.message().topic.empty() ? spec_.topic : end_.pubsub().AppTopic(event.message().topic);
  if (auto decoded = event.Decode(spec_.pubsub, topic, spec_.RawPayload()); !decoded) {
    const std::string why = base::StrCat("it is no CloudEvent: ", decoded.error().message);
    co_return co_await end_.Undeliverable(call, event.message(), dead_letter, why, false);
  }
  if (event.event().Expired(base::WallNow())) {
    co_return co_await end_.Undeliverable(call, event.message(), dead_letter, "it has expired",
                                          true);
  }
  // A broker may hand over before it has answered that the subscription stands.
  if (co_await told_.Wait(call) != async::Wake::kReady) co_return Verdict::kReturn;
  if (over_ || ending_) co_return Verdict::kReturn;
  if (co_await window_.Acquire(call) != async::Wake::kReady) co_return Verdict::kReturn;
  std::string id = event.event().String("id").value_or("");
  if (id.empty()) id = base::NewUuid();
  const async::TimePoint start = async::Clock::now();
  Attempt attempt(*this, event, topic, id);
  const DeliveryPolicy* policy = end_.pubsub().inbound;
  DeliveryResult result = policy ? co_await policy->Run(call, attempt) : co_await attempt.Run(call);
  window_.Release();
  if (result.answer == Answer::kEnded) co_return Verdict::kReturn;
  co_return co_await end_.Settle(call, std::move(result), event.message(), dead_letter,
                                 MillisSince(start));
}

async::Task<std::vector<Verdict>> StreamSubscription::HandleBatch(
    const contracts::Call& call, std::vector<contracts::Message> messages) {
  // Streams never ask for batches.
  std::vector<Verdict> verdicts;
  for (contracts::Message& message : messages) {
    verdicts.push_back(co_await Handle(call, std::move(message)));
  }
  co_return verdicts;
}

bool StreamSubscription::Processed(std::string_view id, uint64_t status) {
  const auto found = flights_.find(id);
  if (found == flights_.end()) return false;
  Flight* flight = found->second.front();
  found->second.pop_front();
  if (found->second.empty()) flights_.erase(found);
  flight->answered = true;
  flight->status = status;
  flight->done.Set();
  return true;
}

async::Task<void> StreamSubscription::Drain(const async::Context& context) {
  if (!std::exchange(ending_, true) && subscription_) subscription_->Pause();
  told_.Set();  // who waits for it goes back
  while (in_hand_ > 0 && !over_) {
    if (co_await idle_.Wait(context) != async::Wake::kReady) break;
  }
  if (!over_) client_.End();
}

async::Task<void> StreamSubscription::Close() {
  over_ = true;
  if (!std::exchange(ending_, true) && subscription_) subscription_->Pause();
  std::vector<Flight*> out;
  for (const auto& [id, list] : flights_) out.insert(out.end(), list.begin(), list.end());
  // Each of them takes itself off the list when it is woken, and only itself.
  for (Flight* flight : out) flight->done.Set();
  told_.Set();
  idle_.Pulse();
  if (!subscription_) co_return;
  // Who waits for a place on the stream waits for nothing now.
  const contracts::Call call(async::Context(async::Loop::Current()->After(kCloseTime)));
  co_await subscription_->Close(call);
  subscription_.reset();
}

}  // namespace blocks::pubsub
