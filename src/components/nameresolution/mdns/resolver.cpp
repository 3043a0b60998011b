#include "components/nameresolution/mdns/resolver.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "telemetry/log.hpp"

namespace components::nameresolution::mdns {

using base::Kind;
using base::StrCat;

namespace {

constexpr auto kBrowseWindow = std::chrono::seconds(1);
constexpr auto kAskAgain = std::chrono::milliseconds(300);  // a datagram may be lost
constexpr auto kPatience = std::chrono::seconds(2);         // of a caller, window included
constexpr auto kRefreshInterval = std::chrono::seconds(30);
constexpr auto kAnnounceAgain = std::chrono::seconds(1);
constexpr auto kBetweenAnnouncements = std::chrono::milliseconds(1);
constexpr uint32_t kTtl = 120;
constexpr int kMostPerTurn = 64;

telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

// The bytes of an IP address as A and AAAA records hold them.
std::string AddressBytes(const net::Address& address) {
  if (address.is_v6()) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
    return {reinterpret_cast<const char*>(&v6->sin6_addr), sizeof v6->sin6_addr};
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
  return {reinterpret_cast<const char*>(&v4->sin_addr), sizeof v4->sin_addr};
}

base::Error NotFound(std::string_view app_id) {
  return {Kind::kNotFound, StrCat("couldn't find service: ", app_id)};
}

}  // namespace

Resolver::Resolver() = default;
Resolver::~Resolver() = default;

async::Task<base::Status> Resolver::Init(const contracts::Call& /*call*/,
                                         const contracts::InitRequest& /*request*/) {
  home_ = async::Loop::Current();
  host_name_ = HostName();
  base::Status failed;
  for (const auto family : {MulticastSocket::Family::kV4, MulticastSocket::Family::kV6}) {
    auto socket = MulticastSocket::Open(*home_, family);
    if (socket) {
      sockets_.push_back(*std::move(socket));
    } else if (family == MulticastSocket::Family::kV4) {
      failed = std::unexpected(std::move(socket).error());
      Log().Warning(failed.error().message);
    }
    // A machine without IPv6 is nothing to warn of.
  }
  JoinNetworks();
  std::erase_if(sockets_, [](const auto& socket) { return socket->joined() == 0; });
  if (sockets_.empty()) {
    if (!failed) co_return failed;
    co_return base::Fail(
        Kind::kUnavailable,
        "mdns: no network interface is up that can carry multicast: bring one up (the "
        "loopback is enough for one machine), or use another name resolution component");
  }
  for (const auto& socket : sockets_) gate_.Spawn(ReceiveLoop(*socket));
  gate_.Spawn(RefreshLoop());
  co_return base::Status();
}

void Resolver::JoinNetworks() {
  network_ = ReadNetwork();
  std::vector<std::string> problems;
  for (const auto& socket : sockets_) socket->Join(network_.interfaces, problems);
  for (const std::string& problem : problems) {
    Log().Warning(StrCat("mdns: ", problem, "; runtimes on that network may not be found"));
  }
}

void Resolver::SendEverywhere(std::string_view bytes) {
  for (const auto& socket : sockets_) socket->Send(bytes);
}

bool Resolver::IsOwn(const net::Address& address) const {
  const std::string ip = address.ip();
  return ip.starts_with("127.") || ip == "0.0.0.0" ||
         std::ranges::find(network_.own_ips, ip) != network_.own_ips.end();
}

async::Task<void> Resolver::ReceiveLoop(MulticastSocket& socket) {
  const async::Context context = gate_.context();
  while (!gate_.closing()) {
    int received = 0;
    while (auto datagram = socket.Receive()) {
      Handle(socket, *datagram);
      if (++received < kMostPerTurn) continue;
      received = 0;
      co_await async::Yield();
      if (gate_.closing()) co_return;
    }
    if (co_await async::Readable(socket.watch(), context) != async::Wake::kReady) co_return;
  }
}

void Resolver::Handle(MulticastSocket& socket, const MulticastSocket::Datagram& datagram) {
  const std::optional<Packet> packet = ParsePacket(datagram.bytes);
  if (!packet) return;
  const async::TimePoint now = home_->now();
  if (packet->response) {
    // Whoever answers from another port is no responder.
    if (datagram.from.port() == kPort) Learn(*packet, IsOwn(datagram.from), now, cache_);
    return;
  }
  const Responder::Answers answers = responder_.Answer(*packet, datagram.interface, now);
  for (const Instance* instance : answers.now) {
    socket.Send(WriteResponse(*instance, kTtl), datagram.interface);
  }
  if (answers.late) gate_.Spawn(AnswerLate());
}

async::Task<void> Resolver::AnswerLate() {
  const async::Context context = gate_.context();
  if (co_await async::Sleep(context, home_->After(Responder::kLeastGap)) != async::Wake::kReady) {
    co_return;
  }
  for (const Responder::Late& late : responder_.TakeLate(home_->now())) {
    const std::string bytes = WriteResponse(*late.instance, kTtl);
    for (const auto& socket : sockets_) socket->Send(bytes, late.interface);
  }
}

async::Task<void> Resolver::RefreshLoop() {
  const async::Context context = gate_.context();
  while (true) {
    const auto pause = base::Jitter(kRefreshInterval, 0.1);
    if (co_await async::Sleep(context, home_->After(pause)) != async::Wake::kReady) co_return;
    JoinNetworks();
    const std::vector<Name> services = cache_.Refresh(home_->now());
    for (const std::string& query : WriteQueries(services)) SendEverywhere(query);
  }
}

// Asks for an app twice within the window. Whoever waits is told by the first answer, or at the
// end.
async::Task<void> Resolver::Browse(std::string app_id) {
  const async::Context context = gate_.context();
  const async::TimePoint end = home_->After(kBrowseWindow);
  const Name service = ServiceName(app_id).value_or(Name());
  const std::vector<std::string> queries = WriteQueries(std::span(&service, 1));
  for (const async::Duration pause : {async::Duration(kAskAgain), async::Duration(kBrowseWindow)}) {
    for (const std::string& query : queries) SendEverywhere(query);
    const async::TimePoint until = std::min(end, home_->After(pause));
    const async::Wake wake = co_await async::Sleep(context, until);
    if (wake != async::Wake::kReady || !cache_.IsBrowsing(app_id)) break;
  }
  cache_.EndBrowse(app_id, home_->now());
}

async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolver::Resolve(
    const contracts::Call& call, std::string_view app_id, std::string_view /*app_namespace*/,
    uint16_t /*port*/) {
  async::Loop& loop = *async::Loop::Current();
  std::vector<contracts::Endpoint> found = cache_.Find(app_id, loop.now());
  if (!found.empty()) co_return found;
  const auto waiting = std::make_shared<Waiting>(loop);
  switch (cache_.Want(app_id, waiting, loop.now())) {
    case Cache::Wanted::kBrowse:
      // Close comes after the last Resolve, and the loop works in order: this object is there
      // still.
      home_->Post([this, id = std::string(app_id)]() mutable {
        if (!gate_.Spawn(Browse(id))) cache_.EndBrowse(id, home_->now());
      });
      break;
    case Cache::Wanted::kWait:
      break;
    case Cache::Wanted::kAbsent:
      co_return std::unexpected(NotFound(app_id));
    case Cache::Wanted::kBadName:
      co_return base::Fail(Kind::kInvalidArgument,
                           StrCat("invalid app id ", base::Quote(app_id),
                                  ": mDNS finds only ids of 1 to 63 characters"));
    case Cache::Wanted::kFull:
      co_return base::Fail(Kind::kExhausted,
                           "too many apps are being looked for by mDNS: slow down");
  }
  const async::Context bounded = call.Until(loop.After(kPatience));
  const async::Wake wake = co_await waiting->over.Wait(bounded);
  found = cache_.Find(app_id, loop.now());
  if (!found.empty()) co_return found;
  if (wake == async::Wake::kCanceled) co_return base::Fail(Kind::kCanceled, "context canceled");
  if (wake == async::Wake::kTimeout && call.deadline <= loop.now()) {
    co_return base::Fail(Kind::kTimeout, "context deadline exceeded");
  }
  co_return std::unexpected(NotFound(app_id));
}

async::Task<base::Status> Resolver::Announce(const contracts::Call& /*call*/,
                                             contracts::Registration registration) {
  const auto address = net::Address::FromIp(registration.address, registration.internal_port);
  if (!address || registration.internal_port == 0) {
    co_return base::Fail(
        Kind::kInvalidArgument,
        StrCat("mdns can announce an IP address and port only, not ",
               base::Quote(registration.address), ": set DAPR_HOST_IP to an IP address"));
  }
  const std::optional<Name> service = ServiceName(registration.app_id);
  const std::string short_name = host_name_.substr(0, host_name_.find('.'));
  const auto name = NameFromLabels({FittingLabel(host_name_, StrCat(":", getpid()))});
  const auto host = NameFromLabels(
      {FittingLabel(short_name, StrCat("-", getpid(), "-", registration.internal_port)), "local"});
  if (!service || !name || !host || name->size() + service->size() + 1 > kMaxName) {
    co_return base::Fail(Kind::kInvalidArgument,
                         StrCat("app id ", base::Quote(registration.app_id),
                                " cannot be announced by mdns: use 1 to 63 characters"));
  }
  const Instance& instance = responder_.Add({.service = *service,
                                             .name = *name + *service,
                                             .host = *host,
                                             .port = registration.internal_port,
                                             .text = registration.app_id,
                                             .address = AddressBytes(*address)});
  std::vector<contracts::Endpoint> endpoint{{address->ip(), registration.internal_port}};
  if (address->is_v6()) {
    cache_.AddOwn(registration.app_id, instance.name, {}, std::move(endpoint));
  } else {
    cache_.AddOwn(registration.app_id, instance.name, std::move(endpoint), {});
  }
  // Hundreds of apps that start together take turns: a burst would hold up the loop, and switches
  // drop what comes at once.
  const async::TimePoint turn = std::max(home_->now(), next_turn_);
  next_turn_ = turn + kBetweenAnnouncements;
  gate_.Spawn(AnnounceTwice(std::move(registration.app_id), turn));
  co_return base::Status();
}

async::Task<void> Resolver::AnnounceTwice(std::string app_id, async::TimePoint turn) {
  const async::Context context = gate_.context();
  for (const async::TimePoint at : {turn, turn + kAnnounceAgain}) {
    if (at > home_->now() && co_await async::Sleep(context, at) != async::Wake::kReady) co_return;
    const Instance* instance = responder_.Find(app_id);
    if (!instance) co_return;
    SendEverywhere(WriteResponse(*instance, kTtl));
  }
}

async::Task<void> Resolver::Withdraw(const contracts::Call& /*call*/, std::string_view app_id,
                                     std::string_view /*app_namespace*/) {
  const Instance* instance = responder_.Find(app_id);
  if (!instance) co_return;
  cache_.RemoveOwn(app_id, instance->name);
  SendEverywhere(WriteResponse(*instance, 0));
  responder_.Remove(app_id);
}

async::Task<void> Resolver::Close(const contracts::Call& /*call*/) {
  co_await gate_.Close(async::Context());
  for (const Instance* instance : responder_.all()) SendEverywhere(WriteResponse(*instance, 0));
  sockets_.clear();
}

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "nameresolution.mdns",
      .versions = {"v1"},
      .summary =
          "Finds the runtimes of other apps by multicast DNS on UDP port 5353: those of this "
          "machine and of "
          "its local networks, without any server. The default outside of Kubernetes. Namespaces "
          "do not "
          "count. Whoever can send on such a network can claim to be any app: use it where the "
          "network is "
          "trusted or mTLS is on.",
      .status = contracts::Stability::kStable,
      .factory = +[]() -> std::unique_ptr<contracts::NameResolver> {
        return std::make_unique<Resolver>();
      }};
  return kDescriptor;
}

}  // namespace components::nameresolution::mdns
