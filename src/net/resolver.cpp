#include "net/resolver.hpp"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/strings.hpp"
#include "net/resolver_channel.hpp"

namespace net {
namespace {

constexpr size_t kMaxInFlight = 256;
constexpr size_t kMaxAddresses = 1024;

Address WithPort(const Address& address, uint16_t port) {
  sockaddr_storage storage{};
  std::memcpy(&storage, address.data(), address.size());
  if (address.is_v6()) {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  }
  return Address(reinterpret_cast<const sockaddr*>(&storage), address.size());
}

std::unexpected<base::Error> LookupError(base::Kind kind, std::string_view host,
                                         std::string_view why) {
  return base::Fail(kind, base::StrCat("lookup ", host, ": ", why));
}

base::Status StatusOf(int status, const std::string& host) {
  switch (status) {
    case ARES_SUCCESS:
      return {};
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
      return LookupError(base::Kind::kNotFound, host, "no such host");
    case ARES_ETIMEOUT:
      return LookupError(base::Kind::kTimeout, host, "the DNS servers did not answer in time");
    case ARES_EBADNAME:
      return LookupError(base::Kind::kInvalidArgument, host, "not a valid host name");
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
      return LookupError(base::Kind::kCanceled, host, "operation was canceled");
    case ARES_ECONNREFUSED:
      return LookupError(base::Kind::kUnavailable, host, "no DNS server can be reached");
    default:
      return LookupError(base::Kind::kUnavailable, host,
                         base::StrCat("the DNS servers failed: ", ares_strerror(status)));
  }
}

std::string Normalized(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return base::ToLower(host);
}

}  // namespace

Resolver::Resolver(async::Loop& loop, ResolverOptions options)
    : loop_(loop),
      options_(std::move(options)),
      channel_(std::make_unique<Channel>(loop, options_, [this] { FireFinished(); })) {}

Resolver::~Resolver() {
  channel_.reset();  // settles what is in flight
  FireFinished();
}

async::Task<base::Result<Resolved>> Resolver::Resolve(const async::Context& context,
                                                      std::string_view host, uint16_t port) {
  std::string name = Normalized(host);
  if (const auto literal = Address::FromIp(name, port)) {
    co_return Resolved{{*literal}, async::kForever};
  }
  if (name == "localhost" || name == "localhost.") {
    co_return Resolved{{*Address::FromIp("127.0.0.1", port), *Address::FromIp("::1", port)},
                       async::kForever};
  }
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, Find(std::move(name)));
  // From here on only `entry` is used: the resolver may end while this waits.
  while (!entry->done) {
    const async::Wake wake = co_await entry->finished.Wait(context);
    if (wake == async::Wake::kTimeout) {
      co_return LookupError(base::Kind::kTimeout, entry->host, "i/o timeout");
    }
    if (wake == async::Wake::kCanceled) {
      co_return LookupError(base::Kind::kCanceled, entry->host, "operation was canceled");
    }
  }
  co_return Answer(*entry, port);
}

base::Result<Resolved> Resolver::Answer(const Entry& entry, uint16_t port) {
  if (!entry.status) return std::unexpected(entry.status.error());
  Resolved out{{}, entry.expires};
  out.addresses.reserve(entry.addresses.size());
  for (const Address& address : entry.addresses) out.addresses.push_back(WithPort(address, port));
  return out;
}

void Resolver::Forget(std::string_view host) {
  const auto found = entries_.find(Normalized(host));
  if (found != entries_.end() && found->second->done) entries_.erase(found);
}

base::Result<std::shared_ptr<Resolver::Entry>> Resolver::Find(std::string host) {
  if (host.empty()) return base::Fail(base::Kind::kInvalidArgument, "lookup: the host is empty");
  if (const auto found = entries_.find(host); found != entries_.end()) {
    if (!found->second->done || found->second->expires > loop_.now()) return found->second;
    entries_.erase(found);
  }
  if (!channel_->channel) {
    return LookupError(base::Kind::kUnavailable, host,
                       base::StrCat("DNS is not set up: ", ares_strerror(channel_->status)));
  }
  if (in_flight_ >= kMaxInFlight) {
    return LookupError(base::Kind::kExhausted, host, "too many lookups at once");
  }
  MakeRoom();
  auto entry = std::make_shared<Entry>();
  entry->host = host;
  entries_.emplace(std::move(host), entry);
  ++in_flight_;
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_->channel, entry->host.c_str(), nullptr, &hints, OnAnswer,
                   new Question{this, entry});
  std::erase(finished_, entry);  // answered on the spot (/etc/hosts): nobody waits yet
  channel_->ArmTimer();
  return entry;
}

void Resolver::MakeRoom() {
  if (entries_.size() < options_.max_entries) return;
  std::erase_if(entries_, [&](const auto& item) {
    return item.second->done && item.second->expires <= loop_.now();
  });
  while (entries_.size() >= options_.max_entries) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (!it->second->done) continue;
      if (oldest == entries_.end() || it->second->expires < oldest->second->expires) oldest = it;
    }
    if (oldest == entries_.end()) return;  // all in flight; those are bounded too
    entries_.erase(oldest);
  }
}

void Resolver::OnAnswer(void* argument, int status, int, ares_addrinfo* result) {
  const std::unique_ptr<Question> question(static_cast<Question*>(argument));
  question->resolver->Settle(*question->entry, status, result);
  if (result) ares_freeaddrinfo(result);
  // Told later: a waiter must not run inside c-ares.
  question->resolver->finished_.push_back(question->entry);
}

void Resolver::Settle(Entry& entry, int status, const ares_addrinfo* result) {
  --in_flight_;
  entry.done = true;
  int64_t ttl = INT32_MAX;
  if (status == ARES_SUCCESS && result) {
    for (const auto* node = result->nodes; node; node = node->ai_next) {
      if (entry.addresses.size() >= kMaxAddresses) break;
      const Address address(node->ai_addr, node->ai_addrlen);
      ttl = std::min<int64_t>(ttl, node->ai_ttl);
      if (std::ranges::find(entry.addresses, address) != entry.addresses.end()) continue;
      const auto place = address.is_v6() ? entry.addresses.end()
                                         : std::ranges::find_if(entry.addresses, &Address::is_v6);
      entry.addresses.insert(place, address);
    }
    for (const auto* alias = result->cnames; alias; alias = alias->next) {
      ttl = std::min<int64_t>(ttl, alias->ttl);
    }
  }
  if (status == ARES_SUCCESS && entry.addresses.empty()) status = ARES_ENODATA;
  entry.status = StatusOf(status, entry.host);
  if (entry.status) {
    entry.expires = loop_.After(
        std::clamp<async::Duration>(std::chrono::seconds(ttl), options_.min_ttl, options_.max_ttl));
  } else if (entry.status.error().kind == base::Kind::kNotFound) {
    entry.expires = loop_.After(options_.negative_ttl);
  } else {
    entry.expires = loop_.now();  // the servers' failure says nothing about the name
  }
}

void Resolver::FireFinished() {
  const std::vector<std::shared_ptr<Entry>> finished = std::exchange(finished_, {});
  // The first waiter told may destroy the resolver.
  for (const auto& entry : finished) entry->finished.Set();
}

}  // namespace net
