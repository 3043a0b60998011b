#include "control/scheduler/client.hpp"

#include <algorithm>
#include <utility>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "control/scheduler/job_streams.hpp"
#include "grpc/client.hpp"

namespace control {

SchedulerClient::SchedulerClient(SchedulerOptions options, http::Client& http, LocateHost locate,
                                 const telemetry::Log& log)
    : options_(std::move(options)), http_(http), locate_(std::move(locate)), log_(log) {}

SchedulerClient::~SchedulerClient() = default;

void SchedulerClient::Start() {
  gate_.Spawn(Run());
}

void SchedulerClient::Take(JobInterest interest, JobHandler* handler) {
  if (interest == interest_ && handler == handler_) return;
  interest_ = std::move(interest);
  handler_ = handler;
  if (!interest_.none()) {
    for (auto& [host, streams] : streams_) streams->Restart();
  }
  SetHosts(hosts_);
}

void SchedulerClient::Reconnect() {
  interrupt_.Fire();
  for (auto& [host, streams] : streams_) streams->Restart();
}

async::Task<void> SchedulerClient::Close(const async::Context& context) {
  async::Gate ending;
  struct Each {
    static async::Task<void> Run(JobStreams& streams, const async::Context context) {
      co_await streams.Close(context);
    }
  };
  // Nothing comes back while they end: no host is added any more.
  following_ = false;
  handler_ = nullptr;
  interest_ = {};
  auto last = std::exchange(streams_, {});
  for (auto& [host, streams] : last) ending.Spawn(Each::Run(*streams, context));
  const async::Context patient;
  co_await gate_.Close(patient);
  co_await ending.Close(patient);
  UpdateConnected();
}

std::vector<std::string> SchedulerClient::connected_addresses() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

void SchedulerClient::UpdateConnected() {
  std::vector<std::string> connected;
  for (const std::string& host : hosts_) {
    const auto at = streams_.find(host);
    // Without anything to take there is no stream that would tell.
    if (at != streams_.end() ? at->second->up() : following_) connected.push_back(host);
  }
  const std::lock_guard lock(mutex_);
  connected_ = std::move(connected);
}

async::Task<void> SchedulerClient::End(std::unique_ptr<JobStreams> streams) {
  co_await streams->Close(
      gate_.context().Until(async::Loop::Current()->After(options_.times.call)));
}

void SchedulerClient::SetHosts(std::vector<std::string> hosts) {
  hosts_ = std::move(hosts);
  const bool watch = !interest_.none() && handler_ && !gate_.closing();
  for (auto at = streams_.begin(); at != streams_.end();) {
    if (watch && std::find(hosts_.begin(), hosts_.end(), at->first) != hosts_.end()) {
      ++at;
      continue;
    }
    // Off the map first: what ends looks there.
    auto gone = std::move(at->second);
    at = streams_.erase(at);
    gate_.Spawn(End(std::move(gone)));
  }
  for (const std::string& host : hosts_) {
    if (!watch || streams_.contains(host)) continue;
    log_.Info(base::StrCat("Watching jobs at scheduler ", host));
    // In the map first: a stream may come up at once.
    (streams_[host] = std::make_unique<JobStreams>(*this, host))->Start();
  }
  UpdateConnected();
}

async::Task<void> SchedulerClient::Run() {
  Backoff backoff(options_.times.retry, options_.times.max_retry);
  bool told_old = false;
  while (!gate_.closing()) {
    const std::string& address = options_.addresses[next_address_ % options_.addresses.size()];
    async::Loop& loop = *async::Loop::Current();
    const async::TimePoint began = loop.now();
    bool old = false;
    const auto token = interrupt_.token();
    const async::Context context(async::kForever, token.get());
    const base::Error error = co_await Follow(address, context, old);
    if (gate_.closing()) co_return;
    if (token->canceled()) continue;
    if (old) {
      if (!std::exchange(told_old, true)) {
        log_.Info(
            "The scheduler does not tell of its hosts: taking those of "
            "the flag for all");
      }
      following_ = true;
      SetHosts(options_.addresses);
      co_await async::Sleep(gate_.context(), loop.After(options_.times.recheck));
      continue;
    }
    ++next_address_;
    following_ = false;
    UpdateConnected();
    if (loop.now() - began > options_.times.max_retry) backoff.Reset();
    if (troubles_.Worth(error.message)) {
      log_.Warning(base::StrCat("Scheduler at ", address, " is away: ", error.message,
                                "; trying again in about ", base::FormatDuration(backoff.next())));
    }
    co_await backoff.Pause(gate_.context());
  }
}

async::Task<base::Error> SchedulerClient::Follow(const std::string& address,
                                                 const async::Context& context, bool& old) {
  const async::TimePoint soon = async::Loop::Current()->After(options_.times.call);
  auto origins = co_await locate_(gate_.context().Until(soon), address);
  if (!origins) co_return origins.error();
  base::Error error(base::Kind::kUnreachable, "there is no address");
  for (const http::Origin& origin : *origins) {
    if (gate_.closing()) break;
    grpc::ClientStream stream(grpc::Channel(http_, origin, address), kWatchHostsPath, {});
    stream.Write("");
    stream.CloseSend();
    auto opened = co_await OpenWithin(stream, context, options_.times.call);
    if (!opened) {
      error = std::move(opened).error();
      continue;
    }
    while (true) {
      auto message = co_await stream.Read(context);
      if (!message) co_return message.error();
      if (!*message) {
        old = stream.status().code == grpc::Code::kUnimplemented;
        co_return StreamEnd(stream.status(), "the scheduler");
      }
      auto hosts = ReadHosts(**message);
      if (!hosts) co_return hosts.error();
      if (!std::exchange(following_, true)) {
        troubles_.Over();
        log_.Info(base::StrCat("Connected to scheduler ", address,
                               ", hosts: ", base::Join(*hosts, ", ")));
      }
      SetHosts(std::move(*hosts));
    }
  }
  co_return error;
}

}  // namespace control
