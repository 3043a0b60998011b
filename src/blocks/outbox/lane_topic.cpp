// The lane's side of the internal topic: finds out what has happened, and publishes it.
#include <algorithm>
#include <utility>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "blocks/outbox/event.hpp"
#include "blocks/outbox/lane.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace blocks::outbox {
namespace {

using base::StrCat;
using contracts::Call;
using contracts::Verdict;

constexpr auto kPatience = std::chrono::seconds(30);      // for one message or subscription
constexpr auto kStorePatience = std::chrono::seconds(5);  // for one operation
constexpr auto kFirstTry = std::chrono::milliseconds(500);
constexpr auto kLongestTry = std::chrono::seconds(30);
constexpr auto kGoodBye = std::chrono::seconds(2);
// How a store that keeps documents is told that the row is one.
const contracts::Metadata kDocument{{"contentType", "application/json"}};

// The pauses between tries; none when the time is over.
class Pauses {
 public:
  explicit Pauses(const Waits& waits)
      : waits_(waits), next_(waits.first), until_(async::Loop::Current()->After(waits.total)) {}

  /// False if it is not worth while to go on.
  async::Task<bool> Wait(const async::Context& context) {
    const async::TimePoint at = async::Loop::Current()->After(base::Jitter(next_, 0.1));
    next_ = std::min(next_ * 3, waits_.longest);
    if (at > until_) co_return false;
    co_return co_await async::Sleep(context, at) == async::Wake::kReady;
  }

 private:
  const Waits& waits_;
  async::Duration next_;
  const async::TimePoint until_;
};

}  // namespace

void Lane::Start() {
  gate_.Spawn(Listen());
}

async::Task<void> Lane::Listen() {
  async::Loop& loop = *async::Loop::Current();
  const async::Context context = gate_.context();
  async::Duration wait = kFirstTry;
  while (!gate_.closing()) {
    std::string why;
    if (auto broker = Broker()) {
      const Call call(context.Until(loop.After(kPatience)));
      contracts::SubscribeRequest request;
      request.topic = topic_;
      auto subscribed = co_await (*broker)->pubsub->Subscribe(call, std::move(request), *this);
      if (subscribed) {
        subscription_ = std::move(*subscribed);
        listening_ = true;
        co_return;
      }
      why = std::move(subscribed.error().message);
    } else {
      why = std::move(broker.error().message);
      wait = kLongestTry;
    }
    if (gate_.closing()) co_return;
    Complain("outbox_subscribe",
             StrCat("cannot subscribe to ", topic_, ", and transactions fail: ", why));
    co_await async::Sleep(context, loop.After(base::Jitter(wait)));
    wait = std::min<async::Duration>(wait * 2, kLongestTry);
  }
}

async::Task<void> Lane::Close(const async::Context& context) {
  const async::Context patient;
  co_await gate_.Close(patient);
  if (!subscription_) co_return;
  // What is still being looked for is found by the next runtime.
  const Call call(context.Until(async::Loop::Current()->After(kGoodBye)));
  co_await subscription_->Close(call);
  subscription_.reset();
}

async::Task<Verdict> Lane::Handle(const Call& call, contracts::Message message) {
  const auto id = IdOf(message.data);
  if (!id) {
    Complain("outbox_message", StrCat("a message of topic ", topic_, " is none of the outbox and ",
                                      "is dropped: ", id.error().message));
    co_return Verdict::kDone;
  }
  const Progress progress = co_await ledger_->Settled(call, *id);
  switch (progress) {
    case Progress::kAborted:
    case Progress::kDone:
      co_return Verdict::kDone;
    case Progress::kPending:
      co_return Verdict::kReturn;
    case Progress::kUnknown:  // another runtime's, or one of before the restart
    case Progress::kCommitted:
    case Progress::kUnsure:
    case Progress::kPublished:
      break;
  }
  const Marker marker = co_await FindMarker(call, *id);
  if (call.canceled()) co_return Verdict::kReturn;
  if (marker != Marker::kThere && marker != Marker::kThereAsDocument) {
    co_return Missing(*id, progress, marker);
  }
  co_return co_await Forward(call, *id, message, marker == Marker::kThereAsDocument);
}

async::Task<std::vector<Verdict>> Lane::HandleBatch(const Call& call,
                                                    std::vector<contracts::Message> messages) {
  std::vector<Verdict> out;
  for (contracts::Message& message : messages) {
    out.push_back(co_await Handle(call, std::move(message)));
  }
  co_return out;
}

Verdict Lane::Missing(const std::string& id, Progress progress, Marker marker) const {
  if (marker == Marker::kUnreadable) {
    Complain("outbox_store", StrCat("cannot tell whether the transaction of message ", id,
                                    " has happened; it stays with the broker"));
    return Verdict::kFailed;
  }
  // It has happened, so somebody else has published the event and taken the marker.
  if (progress == Progress::kCommitted || progress == Progress::kPublished) {
    ledger_->Set(id, Progress::kDone);
    return Verdict::kDone;
  }
  if (options_.settings.discard_when_missing) return Verdict::kDone;
  Complain("outbox_missing",
           StrCat("no transaction is found for message ", id, ", which stays with the broker; ",
                  "outboxDiscardWhenMissingState of the component would drop it"));
  return Verdict::kFailed;
}

async::Task<Verdict> Lane::Forward(const Call& call, const std::string& id,
                                   const contracts::Message& message, bool as_document) {
  const state::OutboxSettings& settings = options_.settings;
  if (ledger_->Get(id) != Progress::kPublished) {
    const pubsub::NamedPubSub* const target = options_.publish->Find(settings.publish_pubsub);
    auto event = Readdress(message.data, settings.publish_pubsub, settings.publish_topic);
    if (!target || !event) co_return Verdict::kFailed;
    const Call patient = call.Until(async::Loop::Current()->After(kPatience));
    auto published = co_await options_.publish->PublishMessage(
        patient, *target, settings.publish_topic, *std::move(event),
        std::string(pubsub::kCloudEventContentType), {});
    if (!published) {
      if (call.canceled()) co_return Verdict::kReturn;
      Complain("outbox_publish",
               StrCat("message ", id, " stays with the broker: ", published.error().message));
      co_return Verdict::kFailed;
    }
    ledger_->Set(id, Progress::kPublished);
  }
  if (co_await DeleteMarker(call, id, as_document)) {
    ledger_->Set(id, Progress::kDone);
    co_return Verdict::kDone;
  }
  if (call.canceled()) co_return Verdict::kReturn;
  Complain("outbox_marker", StrCat("cannot delete row ", id, " of a published message"));
  co_return Verdict::kFailed;
}

// === the marker ===

async::Task<Lane::Marker> Lane::LookForMarker(const Call& call, const std::string& id) const {
  const Call bounded = call.Until(async::Loop::Current()->After(kStorePatience));
  const auto consistency = contracts::Consistency::kStrong;
  auto row = co_await options_.store->Get(bounded,
                                          {.key = id, .consistency = consistency, .metadata = {}});
  if (row) co_return row->found ? Marker::kThere : Marker::kMissing;
  // The metadata of a transaction may have made documents of all its rows.
  row = co_await options_.store->Get(
      bounded, {.key = id, .consistency = consistency, .metadata = kDocument});
  co_return row && row->found ? Marker::kThereAsDocument : Marker::kUnreadable;
}

async::Task<Lane::Marker> Lane::FindMarker(const Call& call, const std::string& id) const {
  Pauses pauses(options_.waits);
  Marker found = Marker::kUnreadable;
  do {
    found = co_await LookForMarker(call, id);
    if (found == Marker::kThere || found == Marker::kThereAsDocument) break;
  } while (co_await pauses.Wait(call));
  co_return found;
}

async::Task<bool> Lane::DeleteMarker(const Call& call, const std::string& id,
                                     bool as_document) const {
  Pauses pauses(options_.waits);
  do {
    const Call bounded = call.Until(async::Loop::Current()->After(kStorePatience));
    contracts::DeleteRequest request;
    request.key = id;
    if (as_document) request.metadata = kDocument;
    if (co_await options_.store->Delete(bounded, std::move(request))) co_return true;
  } while (co_await pauses.Wait(call));
  co_return false;
}

}  // namespace blocks::outbox
