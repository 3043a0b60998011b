#include "net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "base/strings.hpp"

namespace net {
namespace {

constexpr socklen_t kUnixHeader = offsetof(sockaddr_un, sun_path);

const sockaddr_in& V4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& V6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) {
  if (!address || length < sizeof(sa_family_t)) return;
  length = std::min<socklen_t>(length, sizeof storage_);
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      // What a dual-stack listener calls an IPv4 peer; everybody else means the IPv4 address.
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = v6.sin6_port;
      std::memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], 4);
      std::memcpy(&storage_, &v4, sizeof v4);
      length_ = sizeof v4;
      return;
    }
  }
  std::memcpy(&storage_, address, length);
  length_ = length;
}

base::Result<Address> Address::FromIp(std::string_view ip, uint16_t port) {
  std::string_view literal = ip;
  if (literal.size() >= 2 && literal.front() == '[' && literal.back() == ']') {
    literal = literal.substr(1, literal.size() - 2);
  }
  const size_t percent = literal.find('%');
  const std::string text(literal.substr(0, percent));
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (percent == std::string_view::npos && inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return Address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (percent != std::string_view::npos) {
      const std::string zone(literal.substr(percent + 1));
      v6.sin6_scope_id = base::ParseUint<uint32_t>(zone).value_or(if_nametoindex(zone.c_str()));
      if (v6.sin6_scope_id == 0) {
        return base::Fail(base::Kind::kInvalidArgument,
                          base::StrCat("no network interface ", base::Quote(zone), " for address ",
                                       base::Quote(ip)));
      }
    }
    return Address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat(base::Quote(ip), " is not an IP address"));
}

base::Result<Address> Address::FromUnixPath(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return base::Fail(base::Kind::kInvalidArgument, "empty Unix socket path");
  const bool abstract = path.front() == '@';
  // A path needs its final NUL, an abstract name does not.
  if (path.size() + (abstract ? 0 : 1) > sizeof address.sun_path ||
      path.find('\0') != std::string_view::npos) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("Unix socket path ", base::Quote(path), " is longer than ",
                                   sizeof address.sun_path - 1, " bytes; use a shorter folder"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (abstract) address.sun_path[0] = '\0';
  return Address(reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(kUnixHeader + path.size() + (abstract ? 0 : 1)));
}

uint16_t Address::port() const {
  if (empty()) return 0;
  if (storage_.ss_family == AF_INET) return ntohs(V4(storage_).sin_port);
  if (storage_.ss_family == AF_INET6) return ntohs(V6(storage_).sin6_port);
  return 0;
}

std::string Address::ip() const {
  if (empty()) return "";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage_.ss_family == AF_INET) {
    inet_ntop(AF_INET, &V4(storage_).sin_addr, text.data(), text.size());
    return text.data();
  }
  if (storage_.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &V6(storage_).sin6_addr, text.data(), text.size());
    std::string out = text.data();
    if (V6(storage_).sin6_scope_id != 0) base::StrAppend(out, "%", V6(storage_).sin6_scope_id);
    return out;
  }
  if (is_unix() && length_ > kUnixHeader) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(storage_);
    const size_t length = length_ - kUnixHeader;
    if (address.sun_path[0] == '\0') {
      return base::StrCat("@", std::string_view(address.sun_path + 1, length - 1));
    }
    return std::string(address.sun_path, strnlen(address.sun_path, length));
  }
  return "";
}

std::string Address::ToString() const {
  if (empty()) return "";
  if (is_unix()) return base::StrCat("unix:", ip());
  if (is_v6()) return base::StrCat("[", ip(), "]:", port());
  return base::StrCat(ip(), ":", port());
}

bool Address::operator==(const Address& other) const {
  if (length_ != other.length_ || storage_.ss_family != other.storage_.ss_family) return false;
  if (storage_.ss_family == AF_INET) {
    return port() == other.port() &&
           V4(storage_).sin_addr.s_addr == V4(other.storage_).sin_addr.s_addr;
  }
  if (storage_.ss_family == AF_INET6) {
    return port() == other.port() &&
           V6(storage_).sin6_scope_id == V6(other.storage_).sin6_scope_id &&
           std::memcmp(&V6(storage_).sin6_addr, &V6(other.storage_).sin6_addr, 16) == 0;
  }
  return std::memcmp(&storage_, &other.storage_, length_) == 0;
}

}  // namespace net
