#include "target/target.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "net/tls.hpp"

namespace target {
namespace {

using contracts::AppProtocol;
using contracts::TargetState;

constexpr auto kProbeTimeout = std::chrono::seconds(1);
// However many callers ask for the app, probes are at least so far apart.
constexpr auto kRefreshWait = std::chrono::milliseconds(1000);
constexpr auto kRefreshWaitAway = std::chrono::milliseconds(300);
constexpr auto kFirstProbeWait = std::chrono::milliseconds(50);
constexpr auto kLongestProbeWait = std::chrono::seconds(2);
// The same while messages may wait for the app; with jitter still below a second.
constexpr auto kLongestEagerWait = std::chrono::milliseconds(700);
constexpr auto kHintWait = std::chrono::milliseconds(100);
constexpr auto kFirstRefusedWait = std::chrono::seconds(1);
constexpr auto kLongestRefusedWait = std::chrono::seconds(5);
// While callers wait, the app's return must be noticed soon.
constexpr auto kLongestWakingWait = std::chrono::milliseconds(200);
constexpr auto kResolveTimeout = std::chrono::seconds(5);

// An activator's word that the app is not there proves nothing of the app.
bool IsRefusal(const http::ResponseHead& head) {
  return head.status == 503 || head.headers.Get("grpc-status") == "14";
}

}  // namespace

// One request's place: at its endpoint and under the concurrency limit.
class Target::Lease {
 public:
  Lease(Target& target, std::shared_ptr<Endpoints::Endpoint> endpoint)
      : in_flight_(&target.in_flight_),
        metrics_(target.services_.metrics),
        limit_(target.limit_),
        endpoint_(std::move(endpoint)) {
    ++endpoint_->outstanding;
    in_flight_->fetch_add(1, std::memory_order_relaxed);
    if (metrics_) metrics_->Inflight(1);
  }
  ~Lease() {
    --endpoint_->outstanding;
    in_flight_->fetch_sub(1, std::memory_order_relaxed);
    if (metrics_) metrics_->Inflight(-1);
    if (!limit_->unlimited()) limit_->Release();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  std::atomic<int>* in_flight_;
  telemetry::InstanceMetrics* metrics_;
  std::shared_ptr<ConcurrencyLimit> limit_;
  std::shared_ptr<Endpoints::Endpoint> endpoint_;
};

Target::Target(TargetConfig config, const TargetServices& services)
    : config_(std::move(config)),
      services_(services),
      home_(services.loops.at(services.home)),
      limit_(std::make_shared<ConcurrencyLimit>(services.loops, config_.max_concurrency)),
      self_(std::make_shared<Self>(this)) {
  const bool v6 = config_.host.find(':') != std::string::npos && config_.host.front() != '[';
  authority_ = v6 ? base::StrCat("[", config_.host, "]:", config_.port)
                  : base::StrCat(config_.host, ":", config_.port);
  origin_.protocol =
      config_.protocol == AppProtocol::kHttp || config_.protocol == AppProtocol::kHttps
          ? http::Protocol::kHttp1
          : http::Protocol::kHttp2;
  if (config_.protocol == AppProtocol::kHttps || config_.protocol == AppProtocol::kGrpcs) {
    // The app's certificate is not verified, as in the sidecar (facts: flags, app connection).
    auto tls = net::TlsContext::Client(
        {.skip_verify = true,
         .check_host_name = false,
         .alpn = {origin_.protocol == http::Protocol::kHttp2 ? "h2" : "http/1.1"}});
    if (tls) origin_.tls = std::move(*tls);
    origin_.server_name = config_.host;
  }
  for (int i = 0; i < services.loops.size(); ++i) parts_.push_back(std::make_shared<LoopPart>());
  auto list = std::make_shared<AddressList>();
  if (auto address = net::Address::FromIp(config_.host, config_.port)) {
    literal_ = true;
    list->addresses.push_back(*address);
    list->generation = 1;
    endpoint_count_ = 1;
  }
  generation_ = list->generation;
  list_ = std::move(list);
}

Target::~Target() = default;

Target::LoopPart& Target::Here() {
  LoopPart& part = *parts_[static_cast<std::size_t>(async::Loop::Current()->index())];
  if (part.endpoints.generation() != generation_.load(std::memory_order_acquire)) {
    part.endpoints.Update(List());
  }
  return part;
}

std::shared_ptr<const AddressList> Target::List() const {
  std::lock_guard lock(list_mutex_);
  return list_;
}

void Target::Start(AppState::Observer observer, HealthObserver health) {
  if (observer) state_.Observe(std::move(observer));
  health_observer_ = std::move(health);
  if (!configured()) return;
  if (services_.metrics) {
    services_.metrics->Endpoints(static_cast<int64_t>(endpoint_count()));
    // Shown from the start, not from the first call on.
    services_.metrics->WaitingCalls(0);
    services_.metrics->Inflight(0);
  }
  // Without probes the app is believed to be where it was said to be, until a call finds nobody.
  if (!config_.probe && literal_) PostHome(&Target::NoteReached);
  gate_.Spawn(Watch());
  if (config_.health_check) gate_.Spawn(CheckHealth());
}

async::Task<void> Target::Stop(const async::Context& context) {
  stopping_ = true;
  self_->target = nullptr;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    services_.loops.at(static_cast<int>(i)).Post([part = parts_[i]] { part->changed.Pulse(); });
  }
  co_await gate_.Close(context);
}

// === the app is there, or not ===

void Target::SetState(TargetState state) {
  if (!state_.Set(state)) return;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    services_.loops.at(static_cast<int>(i)).Post([part = parts_[i], state] {
      if (state == TargetState::kReady) part->endpoints.ForgiveAll();
      part->changed.Pulse();
    });
  }
}

void Target::ReportReached() {
  if (state() == TargetState::kReady || stopping_) return;
  PostHome(&Target::NoteReached);
}

void Target::NoteReached() {
  refused_until_ = {};
  refused_wait_ = {};
  SetState(TargetState::kReady);
}

void Target::PostHome(void (Target::*what)()) {
  home_.Post([self = self_, what] {
    if (self->target) (self->target->*what)();
  });
}

void Target::ReportAway() {
  if (state() != TargetState::kReady || stopping_) return;
  PostHome(&Target::NoteAway);
}

void Target::NoteAway() {
  // Many calls may fail at once; the first one's news is enough.
  if (state() != TargetState::kReady) return;
  SetState(waiting() > 0 ? TargetState::kWaking : TargetState::kUnavailable);
  refresh_at_ = {};  // its address may have changed
  poke_.Pulse();
}

void Target::ReportUnavailable() {
  PostHome(&Target::NoteRefused);
}

void Target::NoteRefused() {
  if (stopping_) return;
  if (home_.now() >= refused_until_) {
    refused_wait_ =
        std::clamp<async::Duration>(refused_wait_ * 2, kFirstRefusedWait, kLongestRefusedWait);
    refused_until_ = home_.After(refused_wait_);
  }
  NoteAway();
}

void Target::NoteWaiting() {
  if (state() == TargetState::kUnavailable && waiting() > 0) SetState(TargetState::kWaking);
  poke_.Pulse();
}

async::Task<void> Target::Watch() {
  const async::Context context = gate_.context();
  // The apps of a process start in one turn of the loop; probing them must not hold that up.
  co_await async::Yield();
  async::Duration wait = kFirstProbeWait;
  async::TimePoint probed{};    // when the last probe ended
  async::TimePoint probe_at{};  // when the next one is due
  while (!gate_.closing()) {
    if (!literal_ && !given_ && home_.now() >= refresh_at_) co_await Refresh(context);
    async::TimePoint next = literal_ || given_ ? async::kForever : refresh_at_;
    if (state() == TargetState::kReady) {
      wait = kFirstProbeWait;
      probe_at = {};
    } else {
      if (waiting() > 0) probe_at = std::min(probe_at, probed + kLongestWakingWait);
      probe_at = std::max(probe_at, refused_until_);
      if (!config_.probe) probe_at = async::kForever;
      if (hinted_) probe_at = std::min(probe_at, probed + kHintWait);
      if (home_.now() >= probe_at && endpoint_count() > 0) {
        hinted_ = false;
        if (co_await Probe(context)) {
          SetState(TargetState::kReady);
          continue;
        }
        if (gate_.closing()) break;
        probed = home_.now();
        wait = std::min(wait * 2, eager_ ? async::Duration(kLongestEagerWait)
                                         : async::Duration(kLongestProbeWait));
        probe_at = home_.After(base::Jitter(wait));
        if (waiting() > 0) probe_at = std::min(probe_at, probed + kLongestWakingWait);
        if (!config_.probe) probe_at = async::kForever;
      }
      if (state() == TargetState::kWaking && waiting() == 0) SetState(TargetState::kUnavailable);
      // A name without addresses is not probed: only its resolution can change that.
      if (endpoint_count() > 0) next = std::min(next, probe_at);
    }
    const async::Context until = context.Until(next);
    co_await poke_.Wait(until);
  }
}

async::Task<bool> Target::Probe(const async::Context& context) {
  const auto list = List();
  for (const net::Address& address : list->addresses) {
    const async::Context attempt = context.Until(home_.After(kProbeTimeout));
    auto stream = co_await net::Dial(attempt, address);
    if (stream) co_return true;
    if (gate_.closing()) co_return false;
  }
  co_return false;
}

async::Task<void> Target::Refresh(const async::Context& context) {
  const async::Context attempt = context.Until(home_.After(kResolveTimeout));
  auto resolved = co_await services_.resolver().Resolve(attempt, config_.host, config_.port);
  if (given_) co_return;
  // An app that is away may come back at another address, and shall be found within a second.
  const async::TimePoint soon =
      home_.After(state() == TargetState::kReady ? kRefreshWait : kRefreshWaitAway);
  if (resolved) {
    refresh_at_ = std::max(resolved->expires, soon);
    Publish(std::move(resolved->addresses));
    co_return;
  }
  refresh_at_ = home_.After(base::Jitter(async::Duration(kRefreshWait)));
  // A name that is gone means no endpoints; a resolver that is down changes nothing.
  if (resolved.error().kind == base::Kind::kNotFound) Publish({});
}

// === endpoints that are given ===

void Target::UseAddresses(std::vector<net::Address> addresses) {
  if (stopping_ || literal_) return;
  given_ = true;
  Publish(std::move(addresses));
  // A probe on its way may hang at an address that is gone; the new ones do not wait for it.
  constexpr int kProbesAtOnce = 4;
  if (config_.probe && state() != TargetState::kReady && endpoint_count() > 0 &&
      home_.now() >= refused_until_ && given_probes_ < kProbesAtOnce) {
    ++given_probes_;
    if (!gate_.Spawn(ProbeGiven())) --given_probes_;
  }
  poke_.Pulse();
}

async::Task<void> Target::ProbeGiven() {
  const bool reached = co_await Probe(gate_.context());
  --given_probes_;
  if (reached && !gate_.closing()) SetState(TargetState::kReady);
  poke_.Pulse();
}

void Target::UseNameResolution() {
  if (!std::exchange(given_, false)) return;
  refresh_at_ = {};
  poke_.Pulse();
}

void Target::Publish(std::vector<net::Address> addresses) {
  const auto old = List();
  const bool same = old->addresses.size() == addresses.size() &&
                    std::is_permutation(addresses.begin(), addresses.end(), old->addresses.begin());
  if (same) return;
  for (const net::Address& address : old->addresses) {
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) continue;
    http::Origin gone = origin_;
    gone.address = address;
    for (int i = 0; i < services_.loops.size(); ++i) {
      services_.loops.at(i).Post(
          [clients = &services_.clients, gone] { clients->Here().Forget(gone); });
    }
  }
  auto next = std::make_shared<AddressList>();
  next->addresses = std::move(addresses);
  next->generation = old->generation + 1;
  endpoint_count_ = next->addresses.size();
  if (services_.metrics) services_.metrics->Endpoints(static_cast<int64_t>(endpoint_count()));
  const bool none = next->addresses.empty();
  const uint64_t generation = next->generation;
  {
    std::lock_guard lock(list_mutex_);
    list_ = std::move(next);
  }
  generation_.store(generation, std::memory_order_release);
  if (none) {
    SetState(waiting() > 0 ? TargetState::kWaking : TargetState::kUnavailable);
  } else {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      services_.loops.at(static_cast<int>(i)).Post([part = parts_[i]] { part->changed.Pulse(); });
    }
    // A new address need not wait for the back-off that the old ones earned.
    hinted_ = config_.probe;
    if (!config_.probe) SetState(TargetState::kReady);
  }
}

// === calls ===

base::Error Target::Away(const base::Error* last) const {
  if (last) return *last;
  return base::Error(base::Kind::kUnreachable,
                     base::StrCat("the app at ", authority_, " is not available: ",
                                  endpoint_count() == 0 ? "its name has no addresses"
                                                        : "all of its endpoints refuse"));
}

async::Task<base::Status> Target::AwaitReturn(const async::Context& context,
                                              async::TimePoint until) {
  LoopPart& part = Here();
  waiting_.fetch_add(1);
  if (services_.metrics) services_.metrics->WaitingCalls(1);
  PostHome(&Target::NoteWaiting);
  const async::Context bounded = context.Until(until);
  const async::Wake wake = co_await part.changed.Wait(bounded);
  if (services_.metrics) services_.metrics->WaitingCalls(-1);
  // The last one out tells the home loop, so that the state does not stay `waking`.
  if (waiting_.fetch_sub(1) == 1) PostHome(&Target::NoteWaiting);
  if (stopping_) co_return base::Fail(base::Kind::kUnavailable, "the runtime is shutting down");
  if (wake == async::Wake::kCanceled) {
    co_return base::Fail(base::Kind::kCanceled, "the caller has gone");
  }
  co_return base::Status();
}

async::Task<base::Result<contracts::AppResponse>> Target::Send(const async::Context& context,
                                                               http::RequestHead head,
                                                               http::Body* body,
                                                               http::InterimObserver* interim) {
  if (!healthy()) return RefuseUnhealthy();
  return Forward(context, std::move(head), body, interim);
}

async::Task<base::Result<contracts::AppResponse>> Target::Forward(const async::Context& context,
                                                                  http::RequestHead head,
                                                                  http::Body* body,
                                                                  http::InterimObserver* interim) {
  async::Loop& loop = *async::Loop::Current();
  if (!config_.api_token.empty()) head.headers.Set("dapr-api-token", config_.api_token);
  head.authority = authority_;
  head.scheme = origin_.tls ? "https" : "http";
  head.protocol = origin_.protocol;

  std::optional<async::TimePoint> give_up;
  std::optional<base::Error> last;
  while (true) {
    // A place under the limit is held by calls that are at the app or on their way to it, never by
    // those that wait for its return: their patience runs side by side.
    if (!limit_->unlimited()) {
      const async::Wake wake = co_await limit_->Acquire(context);
      if (wake != async::Wake::kReady) {
        if (last) co_return std::unexpected(std::move(*last));
        co_return base::Fail(
            wake == async::Wake::kTimeout ? base::Kind::kTimeout : base::Kind::kCanceled,
            base::StrCat("the call ended while it waited for one of the app's ",
                         config_.max_concurrency, " places (--app-max-concurrency)"));
      }
    }
    LoopPart& part = Here();
    auto endpoint = part.endpoints.Pick(loop.now());
    // Every call tries at least once: the app may have come back since the last refusal.
    if (!endpoint && !last) endpoint = part.endpoints.PickAside();
    if (!endpoint && !give_up) endpoint = part.endpoints.PickBroken();
    if (!endpoint) {
      if (!limit_->unlimited()) limit_->Release();
      ReportAway();
      // The wait ends when the app is back, but never later than the caller's or our own patience.
      if (!give_up) give_up = loop.After(config_.wake_timeout);
      if (loop.now() >= *give_up || loop.now() >= context.deadline) {
        co_return std::unexpected(Away(last ? &*last : nullptr));
      }
      auto waited = co_await AwaitReturn(context, *give_up);
      if (!waited) co_return std::unexpected(std::move(waited).error());
      continue;
    }
    auto lease = std::make_shared<Lease>(*this, endpoint);  // has the place from now on
    http::Origin origin = origin_;
    origin.address = endpoint->address;
    auto response = co_await services_.clients.Here().Send(context, origin, head, body, interim);
    if (response) {
      if (endpoint->failures != 0) Endpoints::Succeeded(*endpoint);
      if (!IsRefusal(response->head)) ReportReached();
      co_return contracts::AppResponse{std::move(*response), std::move(lease)};
    }
    if (response.error().kind != base::Kind::kUnreachable) {
      // Who tries again does so at another endpoint, if there is one.
      if (response.error().kind == base::Kind::kUnavailable) {
        Endpoints::Broke(*endpoint, loop.now());
      }
      co_return std::unexpected(std::move(response).error());
    }
    Endpoints::Failed(*endpoint, loop.now());
    last = std::move(response).error();
  }
}

}  // namespace target
