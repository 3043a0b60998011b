#include "components/nameresolution/mdns/cache.hpp"

#include <netinet/in.h>

#include <algorithm>

#include "net/address.hpp"

namespace components::nameresolution::mdns {

Cache::App* Cache::Look(std::string_view app_id) {
  const auto found = apps_.find(app_id);
  return found == apps_.end() ? nullptr : &found->second;
}

Cache::App* Cache::Make(std::string_view app_id, Name service) {
  App& app = apps_[std::string(app_id)];
  app.service = std::move(service);
  ++foreign_;
  return &app;
}

// Gives up the app that was asked for longest ago.
bool Cache::MakeRoom() {
  if (foreign_ < kMaxApps) return true;
  auto oldest = apps_.end();
  for (auto it = apps_.begin(); it != apps_.end(); ++it) {
    if (it->second.own || it->second.browsing) continue;
    if (oldest == apps_.end() || it->second.asked < oldest->second.asked) oldest = it;
  }
  if (oldest == apps_.end()) return false;
  apps_.erase(oldest);
  --foreign_;
  return true;
}

void Cache::Tell(std::vector<std::shared_ptr<Waiting>> waiting) {
  for (std::shared_ptr<Waiting>& each : waiting) {
    async::Loop& loop = each->loop;
    loop.Post([each = std::move(each)] { each->over.Set(); });
  }
}

Cache::Endpoints Cache::Find(std::string_view app_id, async::TimePoint now) {
  const std::lock_guard lock(mutex_);
  App* app = Look(app_id);
  if (!app) return {};
  app->asked = now;
  Endpoints found;
  for (const auto family : {&Known::v4, &Known::v6}) {
    for (const Known& known : app->instances) {
      if (known.expires <= now) continue;
      for (const contracts::Endpoint& endpoint : known.*family) {
        if (std::ranges::find(found, endpoint) == found.end()) found.push_back(endpoint);
      }
    }
    if (!found.empty()) break;
  }
  if (found.size() > 1) {
    std::ranges::rotate(found,
                        found.begin() + static_cast<std::ptrdiff_t>(app->turn++ % found.size()));
  }
  return found;
}

Cache::Wanted Cache::Want(std::string_view app_id, std::shared_ptr<Waiting> waiting,
                          async::TimePoint now) {
  const std::lock_guard lock(mutex_);
  App* app = Look(app_id);
  if (!app) {
    std::optional<Name> service = ServiceName(app_id);
    if (!service) return Wanted::kBadName;
    if (!MakeRoom()) return Wanted::kFull;
    app = Make(app_id, *std::move(service));
  }
  app->asked = now;
  if (!app->browsing && app->absent_until > now) return Wanted::kAbsent;
  if (app->waiting.size() >= kMaxWaiting) return Wanted::kFull;
  if (waiting) app->waiting.push_back(std::move(waiting));
  return std::exchange(app->browsing, true) ? Wanted::kWait : Wanted::kBrowse;
}

void Cache::EndBrowse(std::string_view app_id, async::TimePoint now) {
  std::vector<std::shared_ptr<Waiting>> waiting;
  {
    const std::lock_guard lock(mutex_);
    App* app = Look(app_id);
    if (!app) return;
    app->browsing = false;
    if (app->instances.empty()) app->absent_until = now + kAbsentLife;
    waiting.swap(app->waiting);
  }
  Tell(std::move(waiting));
}

bool Cache::IsBrowsing(std::string_view app_id) {
  const std::lock_guard lock(mutex_);
  const App* app = Look(app_id);
  return app && !app->waiting.empty();
}

void Cache::Update(std::string_view app_id, const Name& name, Endpoints v4, Endpoints v6,
                   async::TimePoint now) {
  std::vector<std::shared_ptr<Waiting>> waiting;
  {
    const std::lock_guard lock(mutex_);
    App* app = Look(app_id);
    if (!app || !IsBelow(name, app->service)) return;
    auto known = std::ranges::find_if(app->instances,
                                      [&](const Known& each) { return SameName(each.name, name); });
    if (known == app->instances.end()) {
      if (app->instances.size() >= kMaxInstances) {
        std::erase_if(app->instances, [now](const Known& each) { return each.expires <= now; });
      }
      if (app->instances.size() >= kMaxInstances) return;
      known = app->instances.insert(app->instances.end(), Known{.name = name, .expires = {}});
    }
    if (known->expires == async::kForever) return;
    known->v4 = std::move(v4);
    known->v6 = std::move(v6);
    known->expires = now + kInstanceLife;
    app->absent_until = {};
    waiting.swap(app->waiting);
  }
  Tell(std::move(waiting));
}

void Cache::Remove(std::string_view app_id, const Name& name) {
  const std::lock_guard lock(mutex_);
  App* app = Look(app_id);
  if (!app) return;
  std::erase_if(app->instances, [&](const Known& known) {
    return known.expires != async::kForever && SameName(known.name, name);
  });
}

void Cache::AddOwn(std::string_view app_id, const Name& name, Endpoints v4, Endpoints v6) {
  std::vector<std::shared_ptr<Waiting>> waiting;
  {
    const std::lock_guard lock(mutex_);
    App* app = Look(app_id);
    if (!app) app = Make(app_id, ServiceName(app_id).value_or(Name()));
    if (!std::exchange(app->own, true)) --foreign_;
    std::erase_if(app->instances, [&](const Known& known) { return SameName(known.name, name); });
    app->instances.push_back(
        {.name = name, .v4 = std::move(v4), .v6 = std::move(v6), .expires = async::kForever});
    app->absent_until = {};
    waiting.swap(app->waiting);
  }
  Tell(std::move(waiting));
}

void Cache::RemoveOwn(std::string_view app_id, const Name& name) {
  const std::lock_guard lock(mutex_);
  App* app = Look(app_id);
  if (!app) return;
  std::erase_if(app->instances, [&](const Known& known) { return SameName(known.name, name); });
  // From now on an app like any other, which goes when nobody asks for it.
  if (std::exchange(app->own, false)) ++foreign_;
}

std::vector<Name> Cache::Refresh(async::TimePoint now) {
  std::vector<Name> services;
  const std::lock_guard lock(mutex_);
  for (auto it = apps_.begin(); it != apps_.end();) {
    App& app = it->second;
    std::erase_if(app.instances, [now](const Known& known) { return known.expires <= now; });
    if (!app.own && !app.browsing && now - app.asked > kInterestLife) {
      it = apps_.erase(it);
      --foreign_;
      continue;
    }
    // An app of which nobody was ever heard is asked for anew by whoever wants it.
    if (!app.instances.empty() && now - app.asked <= kInterestLife) services.push_back(app.service);
    ++it;
  }
  return services;
}

namespace {

constexpr std::size_t kMostServices = 32;  // taken from one message
constexpr std::size_t kMostTexts = 8;      // taken from one service

// The address in the form of an endpoint; empty if it is none to connect to.
std::string HostOf(std::string_view bytes, bool from_here) {
  const auto byte = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (bytes.size() == 4) {
    if (byte(0) == 0 || byte(0) >= 224 || (byte(0) == 127 && !from_here)) return {};
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    std::ranges::copy(bytes, reinterpret_cast<char*>(&v4.sin_addr));
    size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    std::ranges::copy(bytes, reinterpret_cast<char*>(&v6.sin6_addr));
    const in6_addr& ip = v6.sin6_addr;
    // A link-local address means something only together with an interface.
    if (IN6_IS_ADDR_UNSPECIFIED(&ip) || IN6_IS_ADDR_MULTICAST(&ip) || IN6_IS_ADDR_LINKLOCAL(&ip) ||
        IN6_IS_ADDR_V4MAPPED(&ip) || (IN6_IS_ADDR_LOOPBACK(&ip) && !from_here)) {
      return {};
    }
    size = sizeof v6;
  }
  return net::Address(reinterpret_cast<const sockaddr*>(&storage), size).ip();
}

void LearnService(const Packet& packet, const Record& service, bool from_here, async::TimePoint now,
                  Cache& cache) {
  Cache::Endpoints v4, v6;
  for (const Record& record : packet.records) {
    if (record.address.empty() || !SameName(record.name, service.target)) continue;
    Cache::Endpoints& family = record.address.size() == 4 ? v4 : v6;
    if (family.size() >= kMaxAddresses) continue;
    std::string host = HostOf(record.address, from_here);
    if (!host.empty()) family.push_back({std::move(host), service.port});
  }
  for (const Record& record : packet.records) {
    if (record.type != kTypeTxt || !SameName(record.name, service.name)) continue;
    // The text is the app id in its own letters; the service's name has lost their case.
    for (std::size_t i = 0; i < std::min(record.texts.size(), kMostTexts); ++i) {
      if (service.ttl == 0) {
        cache.Remove(record.texts[i], service.name);
      } else if (!v4.empty() || !v6.empty()) {
        cache.Update(record.texts[i], service.name, v4, v6, now);
      }
    }
  }
}

}  // namespace

void Learn(const Packet& packet, bool from_here, async::TimePoint now, Cache& cache) {
  std::size_t services = 0;
  for (const Record& record : packet.records) {
    if (record.type != kTypeSrv || record.port == 0) continue;
    if (++services > kMostServices) return;
    LearnService(packet, record, from_here, now, cache);
  }
}

}  // namespace components::nameresolution::mdns
