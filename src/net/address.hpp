// A socket address: IPv4, IPv6 or Unix path. A small value type.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace net {

class Address {
 public:
  Address() = default;
  /// From the kernel.
  Address(const sockaddr* address, socklen_t length);

  /// An IP address literal (brackets around IPv6 allowed) and a port. kInvalidArgument for names.
  static base::Result<Address> FromIp(std::string_view ip, uint16_t port);
  /// A Unix socket path; a leading '@' means the abstract namespace.
  static base::Result<Address> FromUnixPath(std::string_view path);

  bool is_unix() const { return storage_.ss_family == AF_UNIX; }
  bool is_v6() const { return storage_.ss_family == AF_INET6; }
  bool empty() const { return length_ == 0; }
  uint16_t port() const;
  /// The IP without brackets or port; the path of a Unix socket.
  std::string ip() const;
  /// "1.2.3.4:80", "[::1]:80", "unix:/path".
  std::string ToString() const;

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return length_; }
  bool operator==(const Address& other) const;

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace net
