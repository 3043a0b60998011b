#include "blocks/pubsub/subscription_manager.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/loop_call.hpp"
#include "blocks/pubsub/stream_subscription.hpp"
#include "blocks/pubsub/subscription_manager_parts.hpp"

namespace blocks::pubsub {
namespace {

constexpr auto kDoubtLook = std::chrono::seconds(1);

}  // namespace

SubscriptionManager::SubscriptionManager(Options options, const Services& services)
    : options_(std::move(options)),
      services_(services),
      home_(services.loops.at(0)),
      delivery_(
          {.target = &services.target, .metrics = services.metrics, .tracer = services.tracer}),
      self_(std::make_shared<Self>(this)),
      declared_(options_.declared),
      publish_(std::move(services_.publish)),
      healthy_(!options_.health_is_checked),
      discovered_(!options_.app_is_asked) {}

SubscriptionManager::~SubscriptionManager() = default;

base::Result<std::shared_ptr<SubscriptionManager>> SubscriptionManager::Create(
    Options options, const Services& services) {
  std::shared_ptr<SubscriptionManager> manager(
      new SubscriptionManager(std::move(options), services));
  for (const SubscriptionSpec& spec : manager->options_.declared) {
    if (auto router = Router::Compile(spec); !router) {
      return base::Fail(router.error().kind,
                        base::StrCat(spec.origin, ": ", router.error().message));
    }
  }
  return manager;
}

MessageEnd::Options SubscriptionManager::EndOf(const PublishBlock& publish, std::string_view pubsub,
                                               std::string topic) const {
  MessageEnd::Options out{.publish = publish.Only(std::span(&pubsub, 1)),
                          .pubsub = nullptr,
                          .metrics = services_.metrics,
                          .log = &services_.log,
                          .topic = std::move(topic)};
  out.pubsub = out.publish->Find(pubsub);
  return out;
}

void SubscriptionManager::Start() {
  auto knocking = std::make_shared<DeliveryDoor::Knocking>();
  for (int i = 0; i < services_.loops.size(); ++i) {
    auto part = std::make_shared<LoopPart>();
    parts_.push_back(part);
    const auto post = [self = self_, home = &home_](void (SubscriptionManager::*what)()) {
      home->Post([self, what] {
        if (self->manager) (self->manager->*what)();
      });
    };
    part->door = std::make_unique<DeliveryDoor>(
        knocking,
        DeliveryDoor::Observer{.refused = [post] { post(&SubscriptionManager::OnRefused); },
                               .answered = [post] { post(&SubscriptionManager::OnAnswered); }});
  }
  Broadcast();
  Reconcile();
}

// === which subscriptions there are ===

base::Result<std::shared_ptr<const ReadySubscription>> SubscriptionManager::Prepare(
    const SubscriptionSpec& spec) const {
  const NamedPubSub* pubsub = publish_->Find(spec.pubsub);
  if (!pubsub) {
    return base::Fail(base::Kind::kNotFound,
                      base::StrCat("there is no pubsub component ", base::Quote(spec.pubsub)));
  }
  if (spec.topic.empty()) {
    return base::Fail(base::Kind::kInvalidArgument, "it names no topic");
  }
  if (!pubsub->scopes.MaySubscribe(spec.topic)) {
    return base::Fail(base::Kind::kPermissionDenied,
                      base::StrCat("the component does not allow app ", options_.app_id,
                                   " to subscribe to topic ", base::Quote(spec.topic)));
  }
  if (!spec.HasRoute() && !delivery_.grpc()) {
    return base::Fail(base::Kind::kInvalidArgument, "it has no route");
  }
  ASSIGN_OR_RETURN(Router router, Router::Compile(spec));
  return std::make_shared<const ReadySubscription>(spec, std::move(router));
}

std::vector<std::shared_ptr<const ReadySubscription>> SubscriptionManager::Wanted() {
  std::vector<std::shared_ptr<const ReadySubscription>> out;
  std::vector<std::string> left_out;
  const auto merged = MergeSubscriptions(declared_, programmatic_, left_out);
  for (const std::string& line : left_out) services_.log.Warning(line);
  for (const SubscriptionSpec& spec : merged) {
    if (!services_.target.configured()) {
      services_.log.Warning(base::StrCat(
          spec.origin, ": topic ", spec.topic,
          " is not subscribed to: the app takes no calls; give --app-port, or stream"));
      continue;
    }
    auto ready = Prepare(spec);
    if (ready) {
      out.push_back(std::move(*ready));
    } else {
      services_.log.Error(base::StrCat(spec.origin, ": topic ", spec.topic, " of pubsub ",
                                       spec.pubsub,
                                       " is not subscribed to: ", ready.error().message));
    }
  }
  return out;
}

void SubscriptionManager::SetProgrammatic(std::vector<SubscriptionSpec> specs) {
  programmatic_ = std::move(specs);
  Reconcile();
  NoAnswer();
}

void SubscriptionManager::NoAnswer() {
  if (std::exchange(discovered_, true)) return;
  Broadcast();
}

void SubscriptionManager::Reconcile() {
  dirty_ = true;
  if (applying_ || stopping_) return;
  applying_ = true;
  if (!gate_.Spawn(Apply())) applying_ = false;
}

async::Task<void> SubscriptionManager::Apply() {
  while (!stopping_ && std::exchange(dirty_, false)) co_await ApplyOnce();
  applying_ = false;
  applied_.Pulse();
}

std::shared_ptr<SubscriptionManager::Entry> SubscriptionManager::Open(
    std::shared_ptr<const ReadySubscription> ready) {
  auto entry = std::make_shared<Entry>();
  entry->ready = ready;
  entry->loop = next_loop_++ % services_.loops.size();
  MessageEnd::Options end = EndOf(*publish_, ready->spec.pubsub, ready->spec.topic);
  entry->publish = end.publish;
  entry->pubsub = end.pubsub;
  const auto& part = parts_[static_cast<std::size_t>(entry->loop)];
  Subscriber::Options options{.ready = ready,
                              .delivery = &delivery_,
                              .door = part->door.get(),
                              .policy = end.pubsub->inbound,
                              .end = std::move(end),
                              .app_id = options_.app_id,
                              .pending = &pending_,
                              .full = {}};
  // The runner, which the entry has, has this: it must not keep the entry.
  auto stands = [self = self_, home = &home_, weak = std::weak_ptr<Entry>(entry)] {
    home->Post([self, weak] {
      const std::shared_ptr<Entry> which = weak.lock();
      if (which && self->manager) self->manager->Stands(which);
    });
  };
  services_.loops.at(entry->loop)
      .Post([seat = entry->seat, part, options = std::move(options),
             stands = std::move(stands)]() mutable {
        seat->runner = std::make_unique<SubscriptionRunner>(
            std::move(options), part->door->state() != DoorState::kOpen, std::move(stands));
        seat->runner->Start();
      });
  return entry;
}

async::Task<bool> SubscriptionManager::Standing(std::shared_ptr<Entry> entry,
                                                async::TimePoint until) {
  const auto& part = parts_[static_cast<std::size_t>(entry->loop)];
  auto stands = std::make_shared<bool>(false);
  co_await RunOnLoop(services_.loops.at(entry->loop), part->gate,
                     [part, entry, until, stands]() -> async::Task<void> {
                       return [](std::shared_ptr<LoopPart> on, std::shared_ptr<Entry> which,
                                 async::TimePoint deadline,
                                 std::shared_ptr<bool> out) -> async::Task<void> {
                         const async::Context context(deadline, &on->hurry);
                         // Stop may have closed it before this ran.
                         if (SubscriptionRunner* runner = which->seat->runner.get()) {
                           *out = co_await runner->Standing(context);
                         }
                       }(part, entry, until, stands);
                     });
  co_return *stands;
}

async::Task<void> SubscriptionManager::CloseEntry(std::shared_ptr<Entry> entry,
                                                  async::TimePoint deadline) {
  const auto& part = parts_[static_cast<std::size_t>(entry->loop)];
  co_await RunOnLoop(services_.loops.at(entry->loop), part->gate,
                     [part, entry, deadline]() -> async::Task<void> {
                       return [](std::shared_ptr<LoopPart> on, std::shared_ptr<Entry> which,
                                 async::TimePoint until) -> async::Task<void> {
                         Seat& seat = *which->seat;
                         if (!seat.runner) co_return;
                         const async::Context context(until, &on->hurry);
                         co_await seat.runner->Close(context);
                         seat.runner.reset();
                       }(part, entry, deadline);
                     });
}

void SubscriptionManager::Stands(const std::shared_ptr<Entry>& entry) {
  entry->standing = true;
  ListStanding();
}

void SubscriptionManager::ListStanding() {
  std::vector<SubscriptionSpec> listed;
  for (const auto& entry : entries_) {
    if (entry->standing) listed.push_back(entry->ready->spec);
  }
  std::lock_guard lock(mutex_);
  listed_ = std::move(listed);
}

void SubscriptionManager::TellChange() {
  std::map<std::string, std::string> topics;
  for (const auto& entry : entries_) {
    const SubscriptionSpec& spec = entry->ready->spec;
    base::StrAppend(topics[spec.pubsub], topics[spec.pubsub].empty() ? "" : " ", spec.topic);
  }
  for (const auto& [pubsub, list] : topics) {
    std::string& told = told_[pubsub];
    if (std::exchange(told, list) == list) continue;
    services_.log.Info(base::StrCat("app is subscribed to the following topics: [[", list,
                                    "]] through pubsub=", pubsub));
  }
  std::erase_if(told_, [&](const auto& told) { return !topics.contains(told.first); });
  count_ = static_cast<int>(entries_.size());
  if (options_.changed) options_.changed(!entries_.empty());
}

std::vector<SubscriptionSpec> SubscriptionManager::List() const {
  std::lock_guard lock(mutex_);
  std::vector<SubscriptionSpec> out = listed_;
  for (const Stream& stream : streams_) out.push_back(stream.stream->spec());
  return out;
}

async::Task<void> SubscriptionManager::Ask(std::shared_ptr<Entry> entry, async::TimePoint deadline,
                                           std::shared_ptr<Waiting> waiting) {
  const std::shared_ptr<LoopPart> part = parts_[static_cast<std::size_t>(entry->loop)];
  waiting->pubsub = entry->ready->spec.pubsub;
  waiting->topic = entry->ready->spec.topic;
  co_await RunOnLoop(services_.loops.at(entry->loop), part->gate,
                     [part, entry, waiting, deadline]() -> async::Task<void> {
                       return [](std::shared_ptr<LoopPart> on, std::shared_ptr<Entry> which,
                                 std::shared_ptr<Waiting> to,
                                 async::TimePoint until) -> async::Task<void> {
                         SubscriptionRunner* runner = which->seat->runner.get();
                         if (!runner) co_return;
                         to->held = runner->held();
                         to->in_hand = runner->in_hand();
                         const contracts::Call own(async::Context(until, &on->hurry));
                         auto told = co_await runner->Backlog(own);
                         if (told) {
                           to->backlog = *told;
                         } else {
                           to->unknown = std::move(told).error().message;
                         }
                       }(part, entry, waiting, deadline);
                     });
}

async::Task<std::vector<SubscriptionManager::Waiting>> SubscriptionManager::Backlogs(
    const contracts::Call& call) {
  std::vector<std::shared_ptr<Waiting>> asked;
  async::Gate questions;
  if (!parts_.empty()) {
    for (const auto& entry : entries_) {
      asked.push_back(std::make_shared<Waiting>());
      questions.Spawn(Ask(entry, call.deadline, asked.back()));
    }
  }
  const async::Context patient;  // each question has its own end
  co_await questions.Close(patient);
  std::vector<Waiting> out;
  out.reserve(asked.size());
  for (const auto& waiting : asked) out.push_back(std::move(*waiting));
  co_return out;
}

// === whether the app is there ===

DoorState SubscriptionManager::WantedState() const {
  if (stopping_ || !healthy_ || !discovered_) return DoorState::kShut;
  if (target_ == contracts::TargetState::kReady) {
    return doubt_ ? DoorState::kKnock : DoorState::kOpen;
  }
  return options_.wake == config::AppWake::kRequest ? DoorState::kKnock : DoorState::kShut;
}

void SubscriptionManager::OnTarget(contracts::TargetState state) {
  target_ = state;
  Broadcast();
}

void SubscriptionManager::OnHealth(bool healthy) {
  healthy_ = healthy;
  Broadcast();
}

void SubscriptionManager::OnRefused() {
  doubt_ = true;
  Broadcast();
  if (!std::exchange(watching_doubt_, true)) gate_.Spawn(WatchDoubt());
}

void SubscriptionManager::OnAnswered() {
  if (!std::exchange(doubt_, false)) return;
  Broadcast();
  if (options_.sure && !stopping_) options_.sure();
}

// A delivery that waits ends the doubt by its answer. Without any the doubt would last for ever.
async::Task<void> SubscriptionManager::WatchDoubt() {
  const async::Context context = gate_.context();
  while (doubt_ && !gate_.closing()) {
    co_await async::Sleep(context, home_.After(kDoubtLook));
    if (pending() == 0) OnAnswered();
  }
  watching_doubt_ = false;
}

void SubscriptionManager::Broadcast() {
  const DoorState state = WantedState();
  if (parts_.empty() || std::exchange(state_, state) == state) return;
  for (int i = 0; i < services_.loops.size(); ++i) {
    services_.loops.at(i).Post([part = parts_[static_cast<std::size_t>(i)], state] {
      if (part->door) part->door->Set(state);
    });
  }
  for (const auto* entries : {&entries_, &leaving_, &emptying_}) {
    for (const auto& entry : *entries) {
      services_.loops.at(entry->loop).Post([seat = entry->seat, away = state != DoorState::kOpen] {
        if (seat->runner) seat->runner->SetAppAway(away);
      });
    }
  }
}

// === streams ===

bool SubscriptionManager::AddStream(const std::shared_ptr<StreamSubscription>& stream) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    streams_.push_back({stream, async::Loop::Current()->index()});
  }
  // It may have found its broker just before a change took that out.
  home_.Post([self = self_, which = stream.get()] {
    if (self->manager) self->manager->EndStreamOfLostBroker(which);
  });
  return true;
}

void SubscriptionManager::RemoveStream(const StreamSubscription* stream) {
  std::lock_guard lock(mutex_);
  std::erase_if(streams_, [&](const Stream& s) { return s.stream.get() == stream; });
}

async::Task<void> SubscriptionManager::EndStream(std::shared_ptr<StreamSubscription> stream,
                                                 int loop, async::TimePoint deadline) {
  const auto& part = parts_[static_cast<std::size_t>(loop)];
  co_await RunOnLoop(services_.loops.at(loop), part->gate,
                     [stream, deadline]() -> async::Task<void> {
                       return [](std::shared_ptr<StreamSubscription> which,
                                 async::TimePoint until) -> async::Task<void> {
                         const async::Context context(until);
                         co_await which->Drain(context);
                       }(stream, deadline);
                     });
}

// === the end ===

async::Task<void> SubscriptionManager::Stop(async::Duration grace) {
  if (std::exchange(stopping_, true)) co_return;
  if (parts_.empty()) {
    publish_.reset();
    co_return;
  }
  const async::TimePoint deadline = home_.After(grace);
  std::vector<Stream> streams;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    streams = streams_;
  }
  async::Gate ending;
  std::vector<std::shared_ptr<Entry>> entries = std::exchange(entries_, {});
  for (auto& entry : std::exchange(leaving_, {})) entries.push_back(std::move(entry));
  for (auto& entry : entries) {
    ending.Spawn(CloseEntry(std::move(entry), deadline));
  }
  for (Stream& stream : streams) {
    ending.Spawn(EndStream(std::move(stream.stream), stream.loop, deadline));
  }
  const async::Context patient;
  co_await ending.Close(patient);
  // What an earlier change is still closing has had its time.
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    services_.loops.at(static_cast<int>(i)).Post([part = parts_[i]] { part->hurry.Cancel(); });
  }
  co_await gate_.Close(patient);
  self_->manager = nullptr;
  // Each goes on its own loop, where its work has just left it.
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    services_.loops.at(static_cast<int>(i)).Post([part = std::move(parts_[i])] {});
  }
  parts_.clear();
  publish_.reset();
  {
    std::lock_guard lock(mutex_);
    listed_.clear();
  }
  count_ = 0;
}

}  // namespace blocks::pubsub
