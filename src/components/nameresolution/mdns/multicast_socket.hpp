// A UDP socket of the mDNS group, IPv4 or IPv6, on as many networks as there are. It shares the
// port with every other responder of the machine. Home loop only.
#pragma once

#include <netinet/in.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop.hpp"
#include "base/result.hpp"
#include "components/nameresolution/mdns/packet.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

namespace components::nameresolution::mdns {

inline constexpr uint16_t kPort = 5353;

/// A network interface that is up and can carry multicast, or the loopback.
struct Interface {
  unsigned index = 0;
  std::string name;
  std::optional<in_addr> v4;  // its first address
  bool v6 = false;
  bool loopback = false;
};
struct Network {
  std::vector<Interface> interfaces;  // the loopback last
  std::vector<std::string> own_ips;   // of all interfaces
};
/// Reads both from the kernel. Empty if it does not tell.
Network ReadNetwork();

class MulticastSocket {
 public:
  enum class Family { kV4, kV6 };

  /// Fails with what to do about it if the port cannot be shared.
  static base::Result<std::unique_ptr<MulticastSocket>> Open(async::Loop& loop, Family family);

  /// Joins the group on interfaces where it has not yet, and forgets those that are gone.
  /// `problems` gets a line for each that refuses, once.
  void Join(const std::vector<Interface>& interfaces, std::vector<std::string>& problems);
  std::size_t joined() const { return joined_.size(); }

  struct Datagram {
    std::string_view bytes;  // valid until the next Receive
    net::Address from;
    unsigned interface = 0;
  };
  /// The next datagram to the group that is here already; none means: wait for watch().
  std::optional<Datagram> Receive();

  /// Sends to the group, on one interface or on all. What the network does not take is lost, as it
  /// may be on the way.
  void Send(std::string_view bytes, unsigned interface);
  void Send(std::string_view bytes);

  async::FdWatch& watch() { return watch_; }

 private:
  MulticastSocket(net::Socket socket, Family family)
      : socket_(std::move(socket)), family_(family) {}
  void SendOn(std::string_view bytes, const Interface& interface);

  net::Socket socket_;
  const Family family_;
  async::FdWatch watch_;  // after the socket, so that it ends first
  std::vector<Interface> joined_;
  std::vector<unsigned> refused_;
  std::array<char, kMaxPacket + 1> buffer_;
};

}  // namespace components::nameresolution::mdns
