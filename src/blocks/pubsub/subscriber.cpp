#include "blocks/pubsub/subscriber.hpp"

#include <algorithm>
#include <chrono>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace blocks::pubsub {
namespace {

using contracts::Verdict;

// How often the connection may break over a message at an app that had just answered something
// else. More and it may be the message that ends the app.
constexpr int kMostBroken = 4;
constexpr auto kFirstBrokenWait = std::chrono::milliseconds(20);
constexpr int kMostDoublings = 5;
// After so many breaks an app that is too busy to say that it is there counts as there.
constexpr int kBreaksInDoubt = 10;
constexpr async::Duration kLongestKnock = std::chrono::seconds(60);

constexpr int kDefaultBatch = 100;
constexpr int kDefaultAwaitMillis = 1000;

double MillisSince(async::TimePoint start) {
  return std::chrono::duration<double, std::milli>(async::Clock::now() - start).count();
}

}  // namespace

// Messages in our hands, from when the component gave them to the verdict.
class Subscriber::InHand {
 public:
  InHand(Subscriber& owner, std::size_t messages)
      : owner_(owner), messages_(static_cast<int>(messages)) {
    owner_.in_hand_ += messages_;
    if (owner_.in_hand_ > kMostInHand) Tell(true);
  }
  ~InHand() {
    owner_.in_hand_ -= messages_;
    if (owner_.in_hand_ <= kMostInHand / 2) Tell(false);
  }
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;

 private:
  void Tell(bool full) {
    if (std::exchange(owner_.full_, full) == full) return;
    if (owner_.options_.full) owner_.options_.full(full);
  }
  Subscriber& owner_;
  const int messages_;
};

class Subscriber::Single final : public DeliveryAttempt {
 public:
  Single(const AppDelivery& delivery, const IncomingEvent& event, std::string_view pubsub,
         std::string_view topic, const Router::Route& route)
      : delivery_(delivery), event_(event), pubsub_(pubsub), topic_(topic), route_(route) {}
  async::Task<DeliveryResult> Run(const contracts::Call& call) override {
    return delivery_.Deliver(call, event_, pubsub_, topic_, route_);
  }

 private:
  const AppDelivery& delivery_;
  const IncomingEvent& event_;
  const std::string_view pubsub_;
  const std::string_view topic_;
  const Router::Route& route_;
};

struct Subscriber::Entry {
  std::unique_ptr<IncomingEvent> event;
  Verdict verdict = Verdict::kFailed;
  Answer answer = Answer::kRetry;
};

// The entries of a batch that go to one path.
struct Subscriber::Group {
  const Router::Route* route = nullptr;
  std::vector<Entry*> entries;
};

// Brings what the app has not settled yet; each run is for fewer entries.
class Subscriber::Batch final : public DeliveryAttempt {
 public:
  Batch(const AppDelivery& delivery, std::string_view pubsub, std::string_view topic,
        const Group& group)
      : delivery_(delivery), pubsub_(pubsub), topic_(topic), group_(group), left_(group.entries) {}

  async::Task<DeliveryResult> Run(const contracts::Call& call) override {
    std::vector<const IncomingEvent*> events;
    events.reserve(left_.size());
    for (const Entry* entry : left_) events.push_back(entry->event.get());
    const BulkResult result =
        co_await delivery_.DeliverBulk(call, events, pubsub_, topic_, *group_.route);
    if (result.each.empty()) {
      for (Entry* entry : left_) entry->answer = result.all.answer;
      co_return result.all;
    }
    std::vector<Entry*> unsettled;
    for (std::size_t i = 0; i < left_.size(); ++i) {
      left_[i]->answer = result.each[i];
      if (result.each[i] == Answer::kRetry) unsettled.push_back(left_[i]);
    }
    left_ = std::move(unsettled);
    if (left_.empty()) co_return DeliveryResult{};
    co_return DeliveryResult{Answer::kRetry, "the app did not settle it"};
  }

 private:
  const AppDelivery& delivery_;
  const std::string_view pubsub_;
  const std::string_view topic_;
  const Group& group_;
  std::vector<Entry*> left_;
};

Subscriber::Subscriber(Options options)
    : options_(std::move(options)), end_(options_.end), ready_(options_.ready) {
  const config::BulkSubscribe& bulk = ready_->spec.bulk;
  if (!bulk.enabled || (end_.pubsub().features & contracts::kPubSubBulkSubscribe) != 0) return;
  const int most = bulk.max_messages_count > 0 ? bulk.max_messages_count : kDefaultBatch;
  const int millis =
      bulk.max_await_duration_ms > 0 ? bulk.max_await_duration_ms : kDefaultAwaitMillis;
  batcher_ = std::make_unique<BulkBatcher>(
      static_cast<std::size_t>(std::min(most, kMostInHand)), std::chrono::milliseconds(millis),
      [this](const contracts::Call& call, std::vector<contracts::Message> messages) {
        return HandleMany(call, std::move(messages));
      });
}

Subscriber::~Subscriber() = default;

async::Task<Verdict> Subscriber::Handle(const contracts::Call& call, contracts::Message message) {
  const InHand in_hand(*this, 1);
  if (batcher_) co_return co_await batcher_->Add(call, std::move(message));
  co_return co_await HandleOne(call, std::move(message));
}

async::Task<std::vector<Verdict>> Subscriber::HandleBatch(
    const contracts::Call& call, std::vector<contracts::Message> messages) {
  const InHand in_hand(*this, messages.size());
  co_return co_await HandleMany(call, std::move(messages));
}

Subscriber::Way Subscriber::FindWay(const ReadySubscription& ready, IncomingEvent& event) const {
  const SubscriptionSpec& spec = ready.spec;
  Way way;
  way.topic =
      event.message().topic.empty() ? spec.topic : end_.pubsub().AppTopic(event.message().topic);
  if (auto decoded = event.Decode(end_.pubsub_name(), way.topic, spec.RawPayload()); !decoded) {
    way.why = base::StrCat("it is no CloudEvent: ", decoded.error().message);
  } else if (event.event().Expired(base::WallNow())) {
    way.why = "it has expired";
    way.drop = true;
  } else if (auto found = ready.router.Find(event.event()); !found) {
    way.why = found.error().message;
  } else if (!*found) {
    way.why = "no route matches it";
    way.drop = true;
  } else {
    way.route = *found;
  }
  return way;
}

async::Task<Verdict> Subscriber::HandleOne(const contracts::Call& call,
                                           contracts::Message message) {
  const auto ready = ready_;
  const SubscriptionSpec& spec = ready->spec;
  const std::string& dead_letter = spec.dead_letter_topic;
  IncomingEvent event(std::move(message));
  const Way way = FindWay(*ready, event);
  if (!way.route) {
    if (auto* metrics = end_.metrics()) {
      metrics->PubsubIngress(end_.pubsub_name(), end_.topic(), way.drop ? "drop" : "retry", "", 0);
    }
    co_return co_await end_.Undeliverable(call, event.message(), dead_letter, way.why, way.drop);
  }
  const async::TimePoint start = async::Clock::now();
  Single attempt(*options_.delivery, event, end_.pubsub_name(), way.topic, *way.route);
  DeliveryResult result = co_await Bring(call, attempt, 1);
  co_return co_await end_.Settle(call, std::move(result), event.message(), dead_letter,
                                 MillisSince(start));
}

async::Task<DeliveryResult> Subscriber::Bring(const contracts::Call& call, DeliveryAttempt& attempt,
                                              int messages) {
  DeliveryDoor::Ticket ticket(*options_.door, this,
                              [this, messages](int sign) { Held(sign * messages); });
  async::Loop& loop = *async::Loop::Current();
  contracts::Call own = call;
  own.app_id = options_.app_id;
  int breaks = 0;
  int broken = 0;  // those that count against the message
  while (true) {
    if (returning_ || !co_await options_.door->Enter(call, ticket)) {
      co_return DeliveryResult{Answer::kEnded, "the subscription ends"};
    }
    // Whether the message broke the connection shows only where an app is: what accepts
    // connections for one that is away breaks them as well.
    bool there = false;
    if (breaks > 0) {
      DeliveryResult asked = co_await options_.delivery->AskWhetherThere(own);
      there = asked.answer == Answer::kSuccess ||
              (asked.answer == Answer::kFailed && breaks >= kBreaksInDoubt);
      if (asked.answer == Answer::kSuccess) {
        options_.door->Found(ticket);
      } else if (asked.answer != Answer::kFailed) {
        options_.door->Leave(ticket, asked.answer);
        if (asked.answer == Answer::kEnded) co_return asked;
        continue;
      }
    }
    DeliveryResult result;
    if (ticket.knocking()) {
      result = co_await Knock(own, attempt, ticket);
    } else {
      result =
          options_.policy ? co_await options_.policy->Run(own, attempt) : co_await attempt.Run(own);
      options_.door->Leave(ticket, result.answer);
    }
    switch (result.answer) {
      case Answer::kAway:
      case Answer::kRefused:
        continue;
      case Answer::kBroken: {
        if (there && ++broken >= kMostBroken) co_return result;
        // The app went while it had the message. It gets it again, as from any broker.
        const auto wait = kFirstBrokenWait * (1 << std::min(++breaks, kMostDoublings));
        const async::Wake wake = co_await async::Sleep(call, loop.After(base::Jitter(wait)));
        if (wake == async::Wake::kCanceled) co_return DeliveryResult{Answer::kEnded, result.why};
        continue;
      }
      default:
        co_return result;
    }
  }
}

// What waits for the app to come spends no retry, no time and no failure of the policy, which is
// for apps that answer.
async::Task<DeliveryResult> Subscriber::Knock(const contracts::Call& call, DeliveryAttempt& attempt,
                                              DeliveryDoor::Ticket& ticket) {
  contracts::Call bounded = call;
  // Others wait for what becomes of it; an app that is being started takes longer than one that
  // runs.
  if (const auto limit = options_.policy ? options_.policy->timeout() : async::Duration::zero();
      limit > async::Duration::zero()) {
    bounded = call.Until(async::Loop::Current()->After(std::max(limit, kLongestKnock)));
  }
  DeliveryResult result = co_await attempt.Run(bounded);
  options_.door->Leave(ticket, result.answer);
  const bool failed = result.answer == Answer::kRetry || result.answer == Answer::kFailed;
  if (!failed || !options_.policy) co_return result;
  AfterFirst rest(std::move(result), attempt);
  result = co_await options_.policy->Run(call, rest);
  options_.door->Leave(ticket, result.answer);
  co_return result;
}

async::Task<std::vector<Verdict>> Subscriber::HandleMany(const contracts::Call& call,
                                                         std::vector<contracts::Message> messages) {
  const auto ready = ready_;
  const SubscriptionSpec& spec = ready->spec;
  std::vector<Entry> entries(messages.size());
  std::vector<Group> groups;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Entry& entry = entries[i];
    entry.event = std::make_unique<IncomingEvent>(std::move(messages[i]));
    const Way way = FindWay(*ready, *entry.event);
    if (!way.route) {
      entry.verdict = co_await end_.Undeliverable(call, entry.event->message(),
                                                  spec.dead_letter_topic, way.why, way.drop);
      continue;
    }
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return g.route->target == way.route->target; });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{way.route, {}});
    group->entries.push_back(&entry);
  }
  for (Group& group : groups) co_await DeliverGroup(call, *ready, group);
  std::vector<Verdict> verdicts;
  verdicts.reserve(entries.size());
  for (const Entry& entry : entries) verdicts.push_back(entry.verdict);
  co_return verdicts;
}

async::Task<void> Subscriber::DeliverGroup(const contracts::Call& call,
                                           const ReadySubscription& ready, Group& group) {
  const async::TimePoint start = async::Clock::now();
  Batch attempt(*options_.delivery, end_.pubsub_name(), ready.spec.topic, group);
  const DeliveryResult result =
      co_await Bring(call, attempt, static_cast<int>(group.entries.size()));
  // Answers of a batch that never got to the app are those of the whole.
  const bool ended = result.answer == Answer::kEnded;
  int64_t settled[3] = {};
  static constexpr std::string_view kStatuses[3] = {"success", "drop", "retry"};
  for (Entry* entry : group.entries) {
    const bool settled_before = entry->answer == Answer::kSuccess || entry->answer == Answer::kDrop;
    if (ended && !settled_before) entry->answer = Answer::kEnded;
    const std::string_view status = ProcessStatus(entry->answer);
    ++settled[std::find(std::begin(kStatuses), std::end(kStatuses), status) - kStatuses];
    entry->verdict = co_await end_.SettleEntry(
        call, entry->answer, result.why.empty() ? "the app dropped it" : result.why,
        entry->event->message(), ready.spec.dead_letter_topic);
  }
  auto* metrics = end_.metrics();
  if (!metrics || ended) co_return;
  metrics->BulkPubsubIngress(end_.pubsub_name(), end_.topic(), ProcessStatus(result.answer),
                             MillisSince(start));
  for (std::size_t i = 0; i < std::size(kStatuses); ++i) {
    if (settled[i] > 0) {
      metrics->BulkPubsubIngressEvents(end_.pubsub_name(), end_.topic(), kStatuses[i], settled[i]);
    }
  }
}

void Subscriber::Held(int messages) {
  held_ += messages;
  if (options_.pending) options_.pending->fetch_add(messages, std::memory_order_relaxed);
  if (auto* metrics = end_.metrics()) {
    metrics->PendingDeliveries(end_.pubsub_name(), end_.topic(), messages);
  }
}

void Subscriber::ReturnHeld() {
  returning_ = true;
  if (batcher_) batcher_->Flush();
  options_.door->ReturnAll(this);
}

async::Task<void> Subscriber::Close() {
  if (batcher_) co_await batcher_->Close();
}

}  // namespace blocks::pubsub
