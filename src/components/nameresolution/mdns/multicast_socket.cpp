#include "components/nameresolution/mdns/multicast_socket.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.hpp"
#include "net/errno_text.hpp"

namespace components::nameresolution::mdns {
namespace {

constexpr const char* kGroupV4 = "224.0.0.251";
constexpr const char* kGroupV6 = "ff02::fb";
// The kernel allows 20 memberships a socket by default; a node with hundreds of virtual interfaces
// has its real ones first.
constexpr std::size_t kMostInterfaces = 20;

in_addr GroupV4() {
  in_addr group{};
  inet_pton(AF_INET, kGroupV4, &group);
  return group;
}
in6_addr GroupV6() {
  in6_addr group{};
  inet_pton(AF_INET6, kGroupV6, &group);
  return group;
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

bool BindV4(int fd) {
  SetOption(fd, IPPROTO_IP, IP_MULTICAST_TTL, 255);
  SetOption(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
  SetOption(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
  // Bound to the group and not to every address: what is sent to this machine alone belongs to
  // others.
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(kPort), .sin_addr = GroupV4()};
  return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

bool BindV6(int fd) {
  SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  SetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255);
  SetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
  SetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  sockaddr_in6 address{
      .sin6_family = AF_INET6, .sin6_port = htons(kPort), .sin6_addr = in6addr_any};
  return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

bool JoinOn(int fd, MulticastSocket::Family family, unsigned index) {
  if (family == MulticastSocket::Family::kV4) {
    ip_mreqn request{.imr_multiaddr = GroupV4(), .imr_ifindex = static_cast<int>(index)};
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0;
  }
  ipv6_mreq request{.ipv6mr_multiaddr = GroupV6(), .ipv6mr_interface = index};
  return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0;
}

// The interface a datagram came by, if it was sent to the group.
unsigned InterfaceOf(msghdr& message) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(item), sizeof info);
      return static_cast<unsigned>(info.ipi_ifindex);
    }
    if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(item), sizeof info);
      const in6_addr group = GroupV6();
      return std::memcmp(&info.ipi6_addr, &group, sizeof group) == 0 ? info.ipi6_ifindex : 0;
    }
  }
  return 0;
}

void AddAddress(const ifaddrs& entry, Network& network) {
  if (!entry.ifa_addr || !(entry.ifa_flags & IFF_UP)) return;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return;
  const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  network.own_ips.push_back(net::Address(entry.ifa_addr, size).ip());
  if (!(entry.ifa_flags & (IFF_MULTICAST | IFF_LOOPBACK))) return;
  auto found = std::ranges::find(network.interfaces, std::string_view(entry.ifa_name),
                                 [](const Interface& each) { return std::string_view(each.name); });
  if (found == network.interfaces.end()) {
    found = network.interfaces.insert(network.interfaces.end(),
                                      {.index = if_nametoindex(entry.ifa_name),
                                       .name = entry.ifa_name,
                                       .loopback = (entry.ifa_flags & IFF_LOOPBACK) != 0});
  }
  if (family == AF_INET6) {
    found->v6 = true;
  } else if (!found->v4) {
    found->v4 = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr;
  }
}

}  // namespace

Network ReadNetwork() {
  Network network;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return network;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) AddAddress(*entry, network);
  freeifaddrs(list);
  std::erase_if(network.interfaces, [](const Interface& each) { return each.index == 0; });
  std::ranges::sort(network.interfaces, {},
                    [](const Interface& each) { return std::pair(each.loopback, each.index); });
  if (network.interfaces.size() > kMostInterfaces) {
    // The loopback keeps its place.
    const Interface last = network.interfaces.back();
    network.interfaces.resize(kMostInterfaces);
    network.interfaces.back() = last;
  }
  return network;
}

base::Result<std::unique_ptr<MulticastSocket>> MulticastSocket::Open(async::Loop& loop,
                                                                     Family family) {
  net::Socket socket(::socket(family == Family::kV4 ? AF_INET : AF_INET6,
                              SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  bool ready = static_cast<bool>(socket);
  if (ready) {
    SetOption(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
    SetOption(socket.fd(), SOL_SOCKET, SO_REUSEPORT, 1);
    ready = family == Family::kV4 ? BindV4(socket.fd()) : BindV6(socket.fd());
  }
  if (ready) {
    std::unique_ptr<MulticastSocket> result(new MulticastSocket(std::move(socket), family));
    if (result->watch_.Open(loop, result->socket_.fd())) return result;
  }
  const int error = errno;
  std::string message =
      base::StrCat("mdns: cannot listen on UDP port ", kPort, ": ", net::ErrnoText(error));
  if (error == EADDRINUSE) {
    message +=
        ": another program keeps the port to itself; end it, or use another name resolution "
        "component";
  }
  return base::Fail(net::ErrnoKind(error), std::move(message));
}

void MulticastSocket::Join(const std::vector<Interface>& interfaces,
                           std::vector<std::string>& problems) {
  const auto is_listed = [&interfaces](unsigned index) {
    return std::ranges::find(interfaces, index, &Interface::index) != interfaces.end();
  };
  std::erase_if(joined_, [&](const Interface& each) { return !is_listed(each.index); });
  std::erase_if(refused_, [&](unsigned index) { return !is_listed(index); });
  for (const Interface& interface : interfaces) {
    if (family_ == Family::kV4 ? !interface.v4 : !interface.v6) continue;
    const auto known = std::ranges::find(joined_, interface.index, &Interface::index);
    if (known != joined_.end()) {
      *known = interface;  // its address may have changed
    } else if (JoinOn(socket_.fd(), family_, interface.index) || errno == EADDRINUSE) {
      joined_.push_back(interface);
      std::erase(refused_, interface.index);
    } else if (std::ranges::find(refused_, interface.index) == refused_.end()) {
      refused_.push_back(interface.index);
      problems.push_back(base::StrCat("cannot join ", family_ == Family::kV4 ? kGroupV4 : kGroupV6,
                                      " on ", interface.name, ": ", net::ErrnoText(errno)));
    }
  }
}

std::optional<MulticastSocket::Datagram> MulticastSocket::Receive() {
  sockaddr_storage from{};
  alignas(cmsghdr) char control[256];
  iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
  msghdr message{.msg_name = &from,
                 .msg_namelen = sizeof from,
                 .msg_iov = &part,
                 .msg_iovlen = 1,
                 .msg_control = control,
                 .msg_controllen = sizeof control};
  const ssize_t size = recvmsg(socket_.fd(), &message, 0);
  if (size < 0) {
    if (errno == EINTR) return Datagram{};
    watch_.set_readable(false);
    return std::nullopt;
  }
  Datagram datagram{.from = net::Address(reinterpret_cast<sockaddr*>(&from), message.msg_namelen),
                    .interface = InterfaceOf(message)};
  if (datagram.interface != 0) {
    datagram.bytes = std::string_view(buffer_.data(), static_cast<std::size_t>(size));
  }
  return datagram;
}

void MulticastSocket::SendOn(std::string_view bytes, const Interface& interface) {
  sockaddr_storage to{};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{.msg_name = &to, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  const auto put_info = [&](int level, int type, const auto& info) {
    message.msg_controllen = CMSG_SPACE(sizeof info);
    cmsghdr* item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(item), &info, sizeof info);
  };
  if (family_ == Family::kV4) {
    const sockaddr_in address{
        .sin_family = AF_INET, .sin_port = htons(kPort), .sin_addr = GroupV4()};
    std::memcpy(&to, &address, sizeof address);
    message.msg_namelen = sizeof address;
    put_info(IPPROTO_IP, IP_PKTINFO,
             in_pktinfo{.ipi_ifindex = static_cast<int>(interface.index),
                        .ipi_spec_dst = *interface.v4});
  } else {
    const sockaddr_in6 address{.sin6_family = AF_INET6,
                               .sin6_port = htons(kPort),
                               .sin6_addr = GroupV6(),
                               .sin6_scope_id = interface.index};
    std::memcpy(&to, &address, sizeof address);
    message.msg_namelen = sizeof address;
    put_info(IPPROTO_IPV6, IPV6_PKTINFO,
             in6_pktinfo{.ipi6_addr = {}, .ipi6_ifindex = interface.index});
  }
  [[maybe_unused]] const ssize_t sent = sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
}

void MulticastSocket::Send(std::string_view bytes, unsigned interface) {
  const auto found = std::ranges::find(joined_, interface, &Interface::index);
  if (found != joined_.end()) SendOn(bytes, *found);
}

void MulticastSocket::Send(std::string_view bytes) {
  for (const Interface& interface : joined_) SendOn(bytes, interface);
}

}  // namespace components::nameresolution::mdns
