// The address under which other machines reach this one.
#pragma once

#include <string>

#include "base/result.hpp"
#include "net/address.hpp"

namespace net {

/// The source address the kernel would use toward the internet (nothing is sent), IPv4 before IPv6;
/// on a machine without such a route the best address of its interfaces: public IPv4, global IPv6,
/// private IPv4, unique local IPv6, link-local, in this order. kUnavailable if it has none.
/// Blocking only in the sense of a few system calls.
base::Result<std::string> LocalIp();

/// How well an address suits other machines, 0 = not at all (loopback, unspecified, multicast);
/// greater is better. For LocalIp and its test.
int AddressRank(const Address& address);

}  // namespace net
