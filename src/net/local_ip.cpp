#include "net/local_ip.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>

#include "net/socket.hpp"

namespace net {
namespace {

enum Rank { kUnusable, kLinkLocal, kUniqueLocalV6, kPrivateV4, kGlobalV6, kPublicV4 };

bool InBlock(uint32_t ip, uint32_t network, int bits) {
  return (ip >> (32 - bits)) == (network >> (32 - bits));
}
uint32_t V4Bits(const Address& address) {
  return ntohl(reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr.s_addr);
}

Rank RankV4(uint32_t ip) {
  if (InBlock(ip, 0, 8) || InBlock(ip, 0x7F000000, 8) || ip >= 0xE0000000) return kUnusable;
  if (InBlock(ip, 0xA9FE0000, 16)) return kLinkLocal;
  if (InBlock(ip, 0x0A000000, 8) || InBlock(ip, 0xAC100000, 12) || InBlock(ip, 0xC0A80000, 16) ||
      InBlock(ip, 0x64400000, 10)) {
    return kPrivateV4;
  }
  return kPublicV4;
}

Rank RankV6(const in6_addr& ip) {
  if (IN6_IS_ADDR_UNSPECIFIED(&ip) || IN6_IS_ADDR_LOOPBACK(&ip) || IN6_IS_ADDR_MULTICAST(&ip)) {
    return kUnusable;
  }
  if (IN6_IS_ADDR_LINKLOCAL(&ip)) return kLinkLocal;
  if ((ip.s6_addr[0] & 0xFE) == 0xFC) return kUniqueLocalV6;
  return kGlobalV6;
}

// The address of the local end of a datagram socket "connected" to `target`.
Address SourceToward(const char* target) {
  const Address address = *Address::FromIp(target, 80);
  const Socket socket(::socket(address.data()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || connect(socket.fd(), address.data(), address.size()) != 0) return {};
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* local = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(socket.fd(), local, &length) != 0) return {};
  const Address source(local, length);
  // 192.0.0.0/29 is the inside of an IPv4-over-IPv6 translation; nobody else can reach it.
  if (!source.is_v6() && InBlock(V4Bits(source), 0xC0000000, 29)) return {};
  return AddressRank(source) != kUnusable ? source : Address();
}

}  // namespace

int AddressRank(const Address& address) {
  if (address.empty() || address.is_unix()) return kUnusable;
  if (address.is_v6()) {
    return RankV6(reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr);
  }
  return RankV4(V4Bits(address));
}

base::Result<std::string> LocalIp() {
  // Networks reserved for documentation: routed like the internet, used by nobody.
  for (const char* target : {"192.0.2.1", "2001:db8::1"}) {
    if (const Address source = SourceToward(target); !source.empty()) return source.ip();
  }
  ifaddrs* interfaces = nullptr;
  Address best;
  if (getifaddrs(&interfaces) == 0) {
    for (const ifaddrs* entry = interfaces; entry; entry = entry->ifa_next) {
      if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP)) continue;
      Address address;
      if (entry->ifa_addr->sa_family == AF_INET) {
        address = Address(entry->ifa_addr, sizeof(sockaddr_in));
      } else if (entry->ifa_addr->sa_family == AF_INET6) {
        address = Address(entry->ifa_addr, sizeof(sockaddr_in6));
      }
      if (AddressRank(address) > AddressRank(best)) best = address;
    }
    freeifaddrs(interfaces);
  }
  if (!best.empty()) return best.ip();
  return base::Fail(base::Kind::kUnavailable,
                    "could not determine the host's IP address; set DAPR_HOST_IP");
}

}  // namespace net
