// Instance: the app as it comes and goes, and its subscriptions.
#include "base/strings.hpp"
#include "blocks/pubsub/discovery.hpp"
#include "runtime/app_questions.hpp"
#include "runtime/instance_parts.hpp"

namespace runtime {
namespace {

namespace pubsub = blocks::pubsub;

telemetry::TargetMetricState MetricState(contracts::TargetState state) {
  switch (state) {
    case contracts::TargetState::kReady:
      return telemetry::TargetMetricState::kReady;
    case contracts::TargetState::kUnavailable:
      return telemetry::TargetMetricState::kUnavailable;
    case contracts::TargetState::kWaking:
      return telemetry::TargetMetricState::kWaking;
  }
  return telemetry::TargetMetricState::kUnavailable;
}

pubsub::RememberedAnswers Merge(const pubsub::RememberedAnswers& before, AppAnswers answers,
                                bool grpc) {
  pubsub::RememberedAnswers out = before;
  out.grpc = grpc;
  if (answers.config) out.config = std::move(answers.config);
  if (answers.subscriptions) out.subscriptions = std::move(answers.subscriptions);
  if (answers.no_subscriptions) out.subscriptions = grpc ? "" : "[]";
  return out;
}

blocks::meta::SubscriptionType TypeOf(pubsub::SubscriptionSource source) {
  switch (source) {
    case pubsub::SubscriptionSource::kDeclarative:
      return blocks::meta::SubscriptionType::kDeclarative;
    case pubsub::SubscriptionSource::kProgrammatic:
      return blocks::meta::SubscriptionType::kProgrammatic;
    case pubsub::SubscriptionSource::kStreaming:
      return blocks::meta::SubscriptionType::kStreaming;
  }
  return blocks::meta::SubscriptionType::kUnknown;
}

}  // namespace

// === subscriptions ===

base::Status Instance::MakeSubscriptions() {
  Parts& parts = *parts_;
  pubsub::SubscriptionManager::Options options;
  options.app_id = config_.app_id;
  for (const config::Subscription& resource : config_.resources.subscriptions) {
    options.declared.push_back(pubsub::SpecOf(resource));
  }
  options.wake = config_.app_wake;
  options.app_is_asked = services_.options.ask_app_subscribe && config_.target.port != 0;
  options.health_is_checked = config_.target.health_check;
  options.changed = [this](bool any) { parts_->target->SetEager(any); };
  options.sure = [this] {
    if (std::exchange(ask_when_sure_, false)) Ask();
  };
  ASSIGN_OR_RETURN(
      parts.subscriptions,
      pubsub::SubscriptionManager::Create(
          std::move(options),
          {.loops = services_.loops,
           .target = *parts.target,
           .publish = parts.generation->publish,
           .metrics = parts.metrics.get(),
           .tracer = &parts.tracer,
           .log =
               telemetry::Log("dapr.runtime.processor.subscription").WithAppId(config_.app_id)}));
  parts.waiting = std::make_unique<WaitingWork>(*parts.subscriptions, *parts.target);
  return OpenMemory();
}

void Instance::StartSubscriptions() {
  Parts& parts = *parts_;
  parts.subscriptions->Start();
  if (parts.discovery.enabled()) gate_.Spawn(Remember());
}

bool Instance::UseSubscriptions(const std::string& answer) {
  const bool grpc = contracts::IsGrpc(config_.target.protocol);
  auto found =
      grpc ? pubsub::ParseListTopicSubscriptions(answer) : pubsub::ParseSubscribeAnswer(answer);
  if (!found) {
    log_.Error(base::StrCat("the app's answer about its subscriptions is of no use: ",
                            found.error().message));
    return false;
  }
  for (const std::string& warning : found->warnings) log_.Warning(warning);
  parts_->subscriptions->SetProgrammatic(std::move(found->subscriptions));
  return true;
}

std::vector<blocks::meta::Subscription> Instance::ListSubscriptions() const {
  std::vector<blocks::meta::Subscription> out;
  for (const pubsub::SubscriptionSpec& spec : parts_->subscriptions->List()) {
    blocks::meta::Subscription& to = out.emplace_back();
    to.pubsub_name = spec.pubsub;
    to.topic = spec.topic;
    to.metadata = spec.metadata;
    for (const config::RouteRule& rule : spec.rules) to.rules.push_back({rule.match, rule.path});
    if (!spec.default_route.empty()) to.rules.push_back({"", spec.default_route});
    to.dead_letter_topic = spec.dead_letter_topic;
    to.type = TypeOf(spec.source);
  }
  return out;
}

WaitingWork& Instance::waiting_work() {
  return *parts_->waiting;
}

bool Instance::app_away() const {
  return parts_->target->configured() && parts_->target->state() != contracts::TargetState::kReady;
}

void Instance::NoteCaller() {
  parts_->target->NoteAlive();
}

async::Task<void> Instance::StopSubscriptions(async::Duration grace) {
  if (parts_->links) {
    co_await parts_->links->Close(async::Context(async::Loop::Current()->After(grace)));
  }
  if (parts_->subscriptions) co_await parts_->subscriptions->Stop(grace);
}

// === the app ===

void Instance::OnTargetState(contracts::TargetState state) {
  parts_->metrics->TargetState(MetricState(state));
  const target::TargetConfig& target = parts_->target->config();
  parts_->subscriptions->OnTarget(state);
  if (state == contracts::TargetState::kReady) {
    log_.Info(base::StrCat("application discovered on port ", target.port));
    // What an app wants of the runtime is asked when it is there and well, and again each time it
    // comes back.
    if (parts_->subscriptions->in_doubt() && answers_.subscriptions) {
      ask_when_sure_ = true;
      return;
    }
    ask_when_healthy_ = true;
    if (!target.health_check || app_healthy_) Ask();
  } else {
    log_.Info(base::StrCat("application on port ", target.port, " is ",
                           contracts::TargetStateName(state)));
  }
}

void Instance::OnAppHealth(bool healthy, std::string_view why) {
  app_healthy_ = healthy;
  parts_->subscriptions->OnHealth(healthy);
  if (!healthy) {
    log_.Warning(base::StrCat("App entered un-healthy status: ", why));
    return;
  }
  log_.Info("App entered healthy status");
  if (ask_when_healthy_) Ask();
}

void Instance::Ask() {
  ask_when_healthy_ = false;
  if (std::exchange(asking_, true)) return;
  if (!gate_.Spawn(AskApp())) asking_ = false;
}

async::Task<void> Instance::AskApp() {
  const AppQuestions questions{.app_id = config_.app_id,
                               .config = services_.options.ask_app_config,
                               .subscribe = services_.options.ask_app_subscribe};
  const async::Context context = gate_.context();
  const bool grpc = contracts::IsGrpc(config_.target.protocol);
  AppAnswers said = co_await runtime::AskApp(*parts_->target, questions, log_, context);
  asking_ = false;
  if (gate_.closing()) co_return;
  const bool answered = said.subscriptions || said.no_subscriptions;
  pubsub::RememberedAnswers answers = Merge(answers_, std::move(said), grpc);
  bool usable = true;
  if (answered && (answers.subscriptions != answers_.subscriptions || !asked_)) {
    usable = UseSubscriptions(*answers.subscriptions);
  }
  if (usable) asked_ = asked_ || answered;
  // An app that has gone again will be asked before anything is brought to it.
  if (answered || parts_->target->state() == contracts::TargetState::kReady) {
    parts_->subscriptions->NoAnswer();
  }
  if (!usable || answers == answers_) co_return;
  answers_ = std::move(answers);
  co_await KeepAnswers();
}

}  // namespace runtime
