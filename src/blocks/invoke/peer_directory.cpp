#include "blocks/invoke/peer_directory.hpp"

#include "base/random.hpp"
#include "base/strings.hpp"

namespace blocks::invoke {
namespace {

constexpr int kEmptyRetries = 5;
constexpr auto kEmptyWait = std::chrono::milliseconds(100);
// One address may be handed to another app's runtime when its owner goes, so it is trusted for
// less.
constexpr auto kRememberOne = std::chrono::seconds(5);
constexpr auto kRememberMany = std::chrono::seconds(20);
constexpr std::size_t kMaxEntries = 4096;

std::string Key(std::string_view app_id, std::string_view app_namespace) {
  return base::StrCat(app_id, ".", app_namespace);
}

Peers AnyFirst(const std::shared_ptr<const std::vector<Peer>>& all) {
  return Peers(all, all->size() == 1 ? 0 : base::FastRandomBelow(all->size()));
}

base::Error Ended(async::Wake wake) {
  return wake == async::Wake::kTimeout
             ? base::Error(base::Kind::kTimeout, "context deadline exceeded")
             : base::Error(base::Kind::kCanceled, "context canceled");
}

}  // namespace

PeerDirectory::PeerDirectory(async::LoopGroup& loops,
                             std::shared_ptr<contracts::NameResolver> resolver,
                             AddressLookup lookup, uint16_t port)
    : resolver_(std::move(resolver)), lookup_(std::move(lookup)), port_(port) {
  for (int i = 0; i < loops.size(); ++i) parts_.push_back(std::make_unique<LoopPart>());
}

PeerDirectory::LoopPart& PeerDirectory::Here() {
  return *parts_[static_cast<std::size_t>(async::Loop::Current()->index())];
}

void PeerDirectory::Drop(std::string_view app_id, std::string_view app_namespace) {
  auto& entries = Here().entries;
  const auto found = entries.find(Key(app_id, app_namespace));
  if (found != entries.end()) found->second->expires = {};
}

async::Task<base::Result<Peers>> PeerDirectory::Find(const contracts::Call& call,
                                                     std::string_view app_id,
                                                     std::string_view app_namespace) {
  async::Loop& loop = *async::Loop::Current();
  auto& entries = Here().entries;
  std::string key = Key(app_id, app_namespace);
  while (true) {
    auto found = entries.find(key);
    if (found == entries.end()) {
      if (entries.size() >= kMaxEntries) {
        std::erase_if(entries, [](const auto& item) { return !item.second->busy; });
      }
      found = entries.emplace(key, std::make_shared<Entry>()).first;
    }
    const std::shared_ptr<Entry> entry = found->second;
    if (entry->peers && entry->expires > loop.now()) co_return AnyFirst(entry->peers);
    if (entry->busy) {
      const async::Wake wake = co_await entry->resolved.Wait(call);
      if (wake != async::Wake::kReady) co_return std::unexpected(Ended(wake));
      continue;
    }
    // Others wait for this answer; whatever way this call ends, they must be let go on.
    struct Busy {
      explicit Busy(std::shared_ptr<Entry> entry) : entry(std::move(entry)) {
        this->entry->busy = true;
      }
      ~Busy() {
        entry->busy = false;
        entry->resolved.Pulse();
      }
      std::shared_ptr<Entry> entry;
    };
    base::Result<std::vector<Peer>> peers;
    {
      Busy busy(entry);
      peers = co_await Resolve(call, app_id, app_namespace);
      if (peers) {
        entry->expires = loop.After(peers->size() > 1 ? async::Duration(kRememberMany)
                                                      : async::Duration(kRememberOne));
        entry->peers = std::make_shared<const std::vector<Peer>>(std::move(*peers));
      } else {
        // Only apps that exist are remembered: names come from callers.
        const auto mine = entries.find(key);
        if (mine != entries.end() && mine->second == entry) entries.erase(mine);
      }
    }
    if (!peers) co_return std::unexpected(std::move(peers).error());
    co_return AnyFirst(entry->peers);
  }
}

async::Task<base::Result<std::vector<Peer>>> PeerDirectory::Resolve(
    const contracts::Call& call, std::string_view app_id, std::string_view app_namespace) {
  if (!resolver_) {
    co_return base::Fail(base::Kind::kNotFound,
                         base::StrCat("failed to resolve address for '", app_id,
                                      "': no name resolution component is configured"));
  }
  base::Result<std::vector<contracts::Endpoint>> endpoints;
  for (int attempt = 0;; ++attempt) {
    endpoints = co_await resolver_->Resolve(call, app_id, app_namespace, port_);
    const bool empty =
        endpoints ? endpoints->empty() : endpoints.error().kind == base::Kind::kNotFound;
    if (!empty || attempt == kEmptyRetries) break;
    const async::Wake wake = co_await async::Sleep(call, async::Loop::Current()->After(kEmptyWait));
    if (wake != async::Wake::kReady) co_return std::unexpected(Ended(wake));
  }
  if (!endpoints) co_return std::unexpected(std::move(endpoints).error());
  std::vector<Peer> peers;
  base::Error last(base::Kind::kNotFound,
                   base::StrCat("failed to resolve address for '", app_id, "': no addresses"));
  for (const contracts::Endpoint& endpoint : *endpoints) {
    std::vector<net::Address> addresses;
    if (auto literal = net::Address::FromIp(endpoint.host, endpoint.port)) {
      addresses.push_back(*literal);
    } else if (lookup_) {
      auto looked_up = co_await lookup_(call, endpoint.host, endpoint.port);
      if (!looked_up) {
        last = base::Error(looked_up.error().kind,
                           base::StrCat("failed to resolve address for '", endpoint.host,
                                        "': ", looked_up.error().message));
        continue;
      }
      addresses = std::move(*looked_up);
    }
    for (net::Address& address : addresses) {
      std::string authority = address.ToString();
      peers.push_back({std::move(address), std::move(authority)});
    }
  }
  if (peers.empty()) co_return std::unexpected(std::move(last));
  co_return peers;
}

}  // namespace blocks::invoke
