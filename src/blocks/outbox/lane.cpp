#include "blocks/outbox/lane.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "blocks/outbox/event.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/pubsub/errors.hpp"

namespace blocks::outbox {
namespace {

using base::StrCat;
using contracts::Call;
using contracts::SetRequest;

// What a Go program's JSON makes of the text 0.
constexpr std::string_view kMarkerValue = "\"0\"";

// Whether the error says that the transaction has not happened and will not.
bool IsFinal(const base::Error& error) {
  switch (error.kind) {
    case base::Kind::kConflict:
    case base::Kind::kInvalidEtag:
    case base::Kind::kInvalidArgument:
    case base::Kind::kPreconditionFailed:
    case base::Kind::kUnimplemented:
    case base::Kind::kPermissionDenied:
    case base::Kind::kTooLarge:
    case base::Kind::kUnreachable:
      return true;
    default:
      return false;
  }
}

}  // namespace

// Keeps the ledger up to date with one transaction.
class Lane::Visit final : public Attempt {
 public:
  explicit Visit(std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {}
  ~Visit() override { Settle(Progress::kUnsure); }

  void Add(const std::string& id) {
    ledger_->Add(id);
    ids_.push_back(id);
  }
  void Abort() { Settle(Progress::kAborted); }
  void End(const base::Status& status) override {
    if (status) {
      Settle(Progress::kCommitted);
    } else {
      Settle(IsFinal(status.error()) ? Progress::kAborted : Progress::kUnsure);
    }
  }

 private:
  void Settle(Progress progress) {
    for (const std::string& id : std::exchange(ids_, {})) ledger_->Set(id, progress);
  }
  const std::shared_ptr<Ledger> ledger_;
  std::vector<std::string> ids_;
};

Lane::Lane(Options options)
    : options_(std::move(options)),
      topic_(StrCat(options_.app_namespace, options_.app_id, options_.settings.publish_topic,
                    "outbox")),
      ledger_(std::make_shared<Ledger>()) {}

Lane::~Lane() = default;

bool Lane::SameAs(const Options& other) const {
  const state::OutboxSettings& settings = options_.settings;
  if (options_.store_name != other.store_name || options_.store != other.store ||
      settings != other.settings) {
    return false;
  }
  for (const std::string& name : {settings.publish_pubsub, settings.pubsub}) {
    const pubsub::NamedPubSub* ours = options_.publish->Find(name);
    const pubsub::NamedPubSub* theirs = other.publish->Find(name);
    if (!ours != !theirs || (ours && !ours->SameFor(*theirs))) return false;
  }
  return true;
}

void Lane::Complain(std::string_view key, std::string_view text) const {
  options_.log.RateLimited(key, 1).Error(StrCat("outbox of ", options_.store_name, ": ", text));
}

// === transactions ===

base::Result<const pubsub::NamedPubSub*> Lane::Broker() const {
  const state::OutboxSettings& settings = options_.settings;
  const pubsub::NamedPubSub* const target = options_.publish->Find(settings.publish_pubsub);
  if (!target) return std::unexpected(pubsub::PubSubNotFound(settings.publish_pubsub));
  // Better no transaction than one whose event can never be published.
  if (!target->scopes.MayPublish(settings.publish_topic)) {
    return std::unexpected(
        pubsub::TopicForbidden(settings.publish_pubsub, settings.publish_topic, options_.app_id));
  }
  const pubsub::NamedPubSub* const broker = options_.publish->Find(settings.pubsub);
  if (!broker) return std::unexpected(pubsub::PubSubNotFound(settings.pubsub));
  return broker;
}

async::Task<base::Status> Lane::Listening(const Call& call) const {
  // A broker may keep nothing for a topic nobody has subscribed to yet.
  const async::TimePoint until = async::Loop::Current()->After(options_.waits.subscription);
  while (!listening_) {
    const async::TimePoint next = async::Loop::Current()->After(std::chrono::milliseconds(20));
    if (next > until || co_await async::Sleep(call, next) != async::Wake::kReady) {
      co_return base::Fail(base::Kind::kUnavailable,
                           StrCat("the outbox is not subscribed to its topic ", topic_,
                                  " of pubsub ", options_.settings.pubsub, " yet"));
    }
  }
  co_return base::Status();
}

async::Task<base::Status> Lane::Tell(const Call& call, contracts::TransactionRequest& transaction,
                                     Visit& visit) {
  const std::vector<SetRequest> projections = TakeProjections(transaction);
  std::vector<SetRequest> markers;
  for (const contracts::TransactionOperation& operation : transaction.operations) {
    const auto* stored = std::get_if<SetRequest>(&operation);
    if (!stored) continue;
    CO_ASSIGN_OR_RETURN(const pubsub::NamedPubSub* const broker, Broker());
    CO_RETURN_IF_ERROR(co_await Listening(call));
    // Of several projections of a key the last one counts.
    const auto projected = std::find_if(projections.rbegin(), projections.rend(),
                                        [&](const auto& p) { return p.key == stored->key; });
    const std::string id = StrCat(kMarkerPrefix, base::NewUuid());
    CO_ASSIGN_OR_RETURN(
        std::string event,
        MakeEvent({.id = id,
                   .app_id = options_.app_id,
                   .pubsub = broker->name,
                   .stored = *stored,
                   .published = projected == projections.rend() ? stored : &*projected,
                   .trace = call.trace}));
    visit.Add(id);
    CO_RETURN_IF_ERROR(co_await broker->pubsub->Publish(
        call, {.topic = topic_,
               .data = std::move(event),
               .content_type = std::string(pubsub::kCloudEventContentType),
               .metadata = {}}));
    SetRequest& marker = markers.emplace_back();
    marker.key = id;
    marker.value = kMarkerValue;
    marker.json = true;
  }
  for (SetRequest& marker : markers) transaction.operations.emplace_back(std::move(marker));
  co_return base::Status();
}

async::Task<base::Result<std::unique_ptr<Lane::Attempt>>> Lane::Begin(
    const Call& call, contracts::TransactionRequest& transaction) {
  auto visit = std::make_unique<Visit>(ledger_);
  if (auto told = co_await Tell(call, transaction, *visit); !told) {
    visit->Abort();
    co_return std::unexpected(pubsub::OutboxFailed(options_.app_id, told.error()));
  }
  co_return std::unique_ptr<Attempt>(std::move(visit));
}

}  // namespace blocks::outbox
