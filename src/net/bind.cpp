#include "net/bind.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/strings.hpp"
#include "net/errno_text.hpp"
#include "net/socket_options.hpp"

namespace net {
namespace {

// The kernel cuts this to net.core.somaxconn.
constexpr int kBacklog = 4096;

std::unexpected<base::Error> ListenError(const std::string& where, const char* call, int error) {
  const base::Kind kind = error == EADDRINUSE ? base::Kind::kAlreadyExists : ErrnoKind(error);
  return base::Fail(kind, base::StrCat("listen ", where, ": ", call, ": ", ErrnoText(error)));
}

// Who else listens on the port: nobody, or the sockets of this process that share it.
enum class Company { kNone, kFirstOfMany, kJoins };

base::Result<Socket> BindOnly(const Address& address, bool dual_stack, Company company,
                              const std::string& where) {
  Socket socket(::socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return ListenError(where, "socket", errno);
  const int on = 1;
  const int v6_only = dual_stack ? 0 : 1;
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.is_v6()) {
    setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  if (company == Company::kJoins) {
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (bind(socket.fd(), address.data(), address.size()) != 0) {
    return ListenError(where, "bind", errno);
  }
  return socket;
}

base::Result<Socket> BindOne(const Address& address, bool dual_stack, Company company,
                             const std::string& where) {
  ASSIGN_OR_RETURN(Socket socket, BindOnly(address, dual_stack, company, where));
  const int on = 1;
  // The first one opens the port for sharing only once it has it for itself. With the option set
  // before, a second process of the same user would join the port instead of being told.
  if (company == Company::kFirstOfMany) {
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  SetKeepAlive(socket.fd());
  // Reported as bind: that is what the failure means to whoever reads it.
  if (listen(socket.fd(), kBacklog) != 0) return ListenError(where, "bind", errno);
  return socket;
}

struct Place {
  Address address;
  bool dual_stack = false;
};

base::Result<Place> FindPlace(std::string_view host, uint16_t port, const std::string& where) {
  if (host.empty() || host == "::" || host == "[::]") {
    return Place{*Address::FromIp("::", port), true};
  }
  auto address = Address::FromIp(host == "localhost" ? "127.0.0.1" : host, port);
  if (!address) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("listen ", where, ": ", address.error().message));
  }
  return Place{*address, false};
}

std::string Where(std::string_view host, uint16_t port) {
  const bool bare_v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return bare_v6 ? base::StrCat("tcp [", host, "]:", port) : base::StrCat("tcp ", host, ":", port);
}

base::Result<Socket> BindFirst(Place& place, Company company, const std::string& where) {
  auto socket = BindOne(place.address, place.dual_stack, company, where);
  if (!socket && place.dual_stack && socket.error().kind != base::Kind::kAlreadyExists &&
      socket.error().kind != base::Kind::kPermissionDenied) {
    // A machine without IPv6.
    place = {*Address::FromIp("0.0.0.0", place.address.port()), false};
    socket = BindOne(place.address, false, company, where);
  }
  return socket;
}

}  // namespace

base::Result<Socket> BindTcp(std::string_view host, uint16_t port) {
  const std::string where = Where(host, port);
  ASSIGN_OR_RETURN(Place place, FindPlace(host, port, where));
  return BindFirst(place, Company::kNone, where);
}

base::Result<std::vector<Socket>> BindTcpShared(std::string_view host, uint16_t port, int count) {
  const std::string where = Where(host, port);
  ASSIGN_OR_RETURN(Place place, FindPlace(host, port, where));
  std::vector<Socket> out;
  ASSIGN_OR_RETURN(Socket first,
                   BindFirst(place, count > 1 ? Company::kFirstOfMany : Company::kNone, where));
  if (port == 0) place.address = *Address::FromIp(place.address.ip(), LocalPort(first));
  out.push_back(std::move(first));
  while (static_cast<int>(out.size()) < count) {
    ASSIGN_OR_RETURN(Socket next, BindOne(place.address, place.dual_stack, Company::kJoins, where));
    out.push_back(std::move(next));
  }
  return out;
}

Socket HoldPort(std::string_view host, uint16_t port) {
  if (port == 0) return {};
  const std::string where = Where(host, port);
  auto place = FindPlace(host, port, where);
  if (!place) return {};
  auto held = BindOnly(place->address, place->dual_stack, Company::kNone, where);
  if (!held && place->dual_stack) {
    held = BindOnly(*Address::FromIp("0.0.0.0", port), false, Company::kNone, where);
  }
  return held ? *std::move(held) : Socket();
}

base::Result<Socket> BindUnix(std::string_view path, mode_t mode) {
  const std::string file(path);
  const std::string where = "unix " + file;
  auto address = Address::FromUnixPath(path);
  if (!address) {
    return base::Fail(address.error().kind,
                      base::StrCat("listen ", where, ": ", address.error().message));
  }
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return ListenError(where, "socket", errno);
  const bool abstract = path.front() == '@';
  // The file appears with the mode of the descriptor, so that nobody gets in before the chmod
  // below, which undoes the umask.
  if (!abstract) fchmod(socket.fd(), mode);
  int failed = bind(socket.fd(), address->data(), address->size()) == 0 ? 0 : errno;
  struct stat found;
  if (failed == EADDRINUSE && !abstract && lstat(file.c_str(), &found) == 0 &&
      S_ISSOCK(found.st_mode)) {
    const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(probe.fd(), address->data(), address->size()) != 0 && errno == ECONNREFUSED) {
      unlink(file.c_str());
      failed = bind(socket.fd(), address->data(), address->size()) == 0 ? 0 : errno;
    }
  }
  if (failed != 0) return ListenError(where, "bind", failed);
  if (!abstract && chmod(file.c_str(), mode) != 0) return ListenError(where, "chmod", errno);
  if (listen(socket.fd(), kBacklog) != 0) return ListenError(where, "listen", errno);
  return socket;
}

base::Result<Socket> Duplicate(const Socket& socket) {
  Socket copy(fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return ListenError(LocalAddress(socket).ToString(), "dup", errno);
  return copy;
}

Address LocalAddress(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(socket.fd(), address, &length) != 0) return {};
  return Address(address, length);
}

}  // namespace net
