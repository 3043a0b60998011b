#include "components/nameresolution/sqlite/resolver.hpp"

#include "async/loop.hpp"
#include "async/wait.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "components/nameresolution/endpoint_text.hpp"
#include "telemetry/log.hpp"

namespace components::nameresolution::sqlite {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::size_t kMaxQueue = 1000;
constexpr int kMaxAddresses = 16;
constexpr auto kOpenPatience = std::chrono::seconds(5);
constexpr auto kOpenPause = std::chrono::milliseconds(50);

telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

}  // namespace

Resolver::Resolver() = default;

Resolver::~Resolver() {
  // The connection must not be closed while the thread is at work with it.
  pool_.reset();
}

template <class F>
auto Resolver::OnThread(const async::Context& context, F work)
    -> async::Task<std::invoke_result_t<F, Hosts&>> {
  using R = std::invoke_result_t<F, Hosts&>;
  const base::TimePoint deadline =
      std::min(context.deadline, async::Loop::Current()->After(settings_.timeout));
  std::optional<R> result = co_await pool_->Run([&]() -> R {
    if (!hosts_) return base::Fail(Kind::kUnavailable, "name resolution is closed");
    if (base::Clock::now() > deadline) {
      return base::Fail(Kind::kTimeout,
                        "waited for the sqlite database of name resolution until the "
                        "timeout");
    }
    hosts_->set_deadline(deadline);
    return work(*hosts_);
  });
  if (!result) {
    co_return base::Fail(Kind::kExhausted, StrCat("more than ", kMaxQueue,
                                                  " lookups wait for the sqlite database of name "
                                                  "resolution: slow down"));
  }
  co_return *std::move(result);
}

// Runtimes that start together get in each other's way: the first creates the tables, the others
// try again.
async::Task<base::Status> Resolver::Open(const contracts::Call& call) {
  const async::Context context = call.Until(async::Loop::Current()->After(kOpenPatience));
  while (true) {
    const std::optional<base::Status> opened = co_await pool_->Run([this]() -> base::Status {
      ASSIGN_OR_RETURN(hosts_, Hosts::Open(settings_));
      return {};
    });
    if (!opened) co_return base::Fail(Kind::kExhausted, "no thread for the sqlite database");
    if (*opened || opened->error().kind != Kind::kUnavailable) co_return *opened;
    const auto pause = base::Jitter(kOpenPause, 0.5);
    if (co_await async::Sleep(context, async::Loop::Current()->After(pause)) !=
        async::Wake::kReady) {
      co_return *opened;
    }
  }
}

async::Task<base::Status> Resolver::Init(const contracts::Call& call,
                                         const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, ReadSettings(request.properties));
  if (settings_.target.memory) {
    Log().Warning(
        "name resolution uses a sqlite database in memory: apps of other processes cannot be "
        "found; set connectionString to the path of a file");
  }
  pool_ = std::make_unique<async::BlockingPool>(1, kMaxQueue);
  CO_RETURN_IF_ERROR(co_await Open(call));
  gate_.Spawn(RenewLoop());
  if (settings_.cleanup_interval.count() > 0) gate_.Spawn(CleanupLoop());
  co_return base::Status();
}

async::Task<base::Status> Resolver::Ping(const contracts::Call& call) {
  auto found = co_await OnThread(call, [](Hosts& hosts) { return hosts.Find("", "", 1); });
  if (!found) co_return std::unexpected(std::move(found).error());
  co_return base::Status();
}

async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolver::Resolve(
    const contracts::Call& call, std::string_view app_id, std::string_view app_namespace,
    uint16_t port) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> addresses,
                      co_await OnThread(call, [&](Hosts& hosts) {
                        return hosts.Find(app_id, app_namespace, kMaxAddresses);
                      }));
  std::vector<contracts::Endpoint> endpoints;
  for (const std::string& address : addresses) {
    auto endpoint = ParseEndpoint(address, port);
    if (endpoint) {
      endpoints.push_back(*std::move(endpoint));
    } else {
      Log()
          .RateLimited("nr-sqlite-address", 1)
          .Warning(StrCat("name resolution: the table holds a wrong address: ",
                          endpoint.error().message));
    }
  }
  if (endpoints.empty()) {
    co_return base::Fail(Kind::kNotFound, "no host found with the given ID");
  }
  co_return endpoints;
}

async::Task<base::Status> Resolver::Announce(const contracts::Call& call,
                                             contracts::Registration registration) {
  if (registration.address.empty() || registration.internal_port == 0) {
    co_return base::Fail(Kind::kInvalidArgument, StrCat("app ", registration.app_id,
                                                        " has no address to announce: set "
                                                        "DAPR_HOST_IP"));
  }
  const std::vector<Host> old = TakeRegistrations(registration.app_id, registration.app_namespace);
  Host host{.registration_id = base::NewUuid(),
            .address = EndpointText(registration.address, registration.internal_port),
            .app_id = std::move(registration.app_id),
            .app_namespace = std::move(registration.app_namespace)};
  auto status = co_await OnThread(call, [&](Hosts& hosts) -> base::Status {
    if (!old.empty()) RETURN_IF_ERROR(hosts.Remove(old));
    return hosts.Register(host);
  });
  // Kept although it failed: the next renewal tries again.
  registrations_.push_back(std::move(host));
  co_return status;
}

// A renewal may be on its way with what is taken here; the thread works in order, so that a later
// Remove has the last word.
std::vector<Host> Resolver::TakeRegistrations(std::string_view app_id,
                                              std::string_view app_namespace) {
  std::vector<Host> taken;
  std::erase_if(registrations_, [&](Host& host) {
    if (host.app_id != app_id || host.app_namespace != app_namespace) return false;
    taken.push_back(host);
    return true;
  });
  return taken;
}

async::Task<void> Resolver::Withdraw(const contracts::Call& call, std::string_view app_id,
                                     std::string_view app_namespace) {
  const std::vector<Host> old = TakeRegistrations(app_id, app_namespace);
  if (old.empty()) co_return;
  auto removed = co_await OnThread(call, [&](Hosts& hosts) { return hosts.Remove(old); });
  if (!removed) {
    Log().Warning(StrCat("name resolution: failed to remove the registration of ", app_id, ": ",
                         removed.error().message, "; it lapses after the update interval"));
  }
}

async::Task<void> Resolver::RenewLoop() {
  const async::Context context = gate_.context();
  while (true) {
    const auto pause = base::Jitter(settings_.RenewInterval(), 0.1);
    if (co_await async::Sleep(context, async::Loop::Current()->After(pause)) !=
        async::Wake::kReady) {
      co_return;
    }
    if (registrations_.empty()) continue;
    const async::Context unbounded;
    // A copy: Announce may add to the list meanwhile.
    auto lost = co_await OnThread(unbounded, [registrations = registrations_](Hosts& hosts) {
      return hosts.Renew(registrations);
    });
    const telemetry::Log log = Log();
    if (!lost) {
      log.RateLimited("nr-sqlite-renew", 1)
          .Warning(StrCat("name resolution: failed to renew the registrations of this runtime: ",
                          lost.error().message));
    } else if (!lost->empty()) {
      log.RateLimited("nr-sqlite-lost", 1)
          .Warning(StrCat("name resolution: another runtime has registered the address ",
                          lost->front(), " of this one: give each its own internal gRPC port"));
    }
  }
}

async::Task<void> Resolver::CleanupLoop() {
  const async::Context context = gate_.context();
  while (co_await async::Sleep(context, async::Loop::Current()->After(
                                            settings_.cleanup_interval)) == async::Wake::kReady) {
    const async::Context unbounded;
    // A failed round is not worth more than the next one.
    (void)co_await OnThread(unbounded, [](Hosts& hosts) { return hosts.Cleanup(); });
  }
}

async::Task<void> Resolver::Close(const contracts::Call& call) {
  co_await gate_.Close(async::Context());
  if (!pool_) co_return;
  if (!registrations_.empty()) {
    auto removed =
        co_await OnThread(call, [&](Hosts& hosts) { return hosts.Remove(registrations_); });
    if (!removed) {
      Log().Warning(StrCat("name resolution: failed to remove the registrations of this runtime: ",
                           removed.error().message));
    }
  }
  co_await pool_->Run([this] {
    hosts_.reset();
    return true;
  });
}

}  // namespace components::nameresolution::sqlite
