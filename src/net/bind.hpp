// Listening sockets: where the process is reached. Made at start-up, on any thread; handed to one
// Listener each.
//
// Failures name the address: "listen tcp :3500: bind: address already in use". Their kinds:
// kAlreadyExists (in use), kPermissionDenied, kInvalidArgument (not an IP address), kExhausted,
// kUnavailable (no such local address).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

namespace net {

/// Binds and listens. `host` is an IP address, "localhost", or "" for every address of the machine
/// (IPv6 and IPv4 through one socket where the kernel has IPv6; so does "::"). Port 0 takes any
/// free port; see LocalPort.
base::Result<Socket> BindTcp(std::string_view host, uint16_t port);

/// The same with `count` sockets on one port, one for each loop; the kernel spreads connections
/// over them. All must be served: what waits in one of them is invisible to the others. Unlike with
/// plain SO_REUSEPORT, a port that another process listens on is refused.
base::Result<std::vector<Socket>> BindTcpShared(std::string_view host, uint16_t port, int count);

/// Keeps the port from being given to an outgoing connection, of whatever process, until the socket
/// is closed. Does not listen: callers are refused. Empty if the port is 0 or cannot be had.
Socket HoldPort(std::string_view host, uint16_t port);

/// Listens on a Unix socket. A socket file that nobody answers on is replaced; any other file at
/// `path` is left alone and refused. The Listener removes the file again.
base::Result<Socket> BindUnix(std::string_view path, mode_t mode = 0660);

/// A second descriptor of the same listening socket, to serve a Unix socket on several loops.
base::Result<Socket> Duplicate(const Socket& socket);

/// The local address of a bound socket.
Address LocalAddress(const Socket& socket);
inline uint16_t LocalPort(const Socket& socket) {
  return LocalAddress(socket).port();
}

/// Calls `bind` until it succeeds, fails for another reason than an address in use, `patience` is
/// over, or the context ends. Returns bind's last result. Tries every half second.
template <class T>
async::Task<base::Result<T>> BindWithRetry(const async::Context& context,
                                           std::function<base::Result<T>()> bind,
                                           async::Duration patience = std::chrono::seconds(10)) {
  async::Loop& loop = *async::Loop::Current();
  const async::Context bounded = context.Until(loop.After(patience));
  for (;;) {
    base::Result<T> result = bind();
    if (result || result.error().kind != base::Kind::kAlreadyExists) co_return std::move(result);
    const auto next = loop.After(std::chrono::milliseconds(500));
    if (co_await async::Sleep(bounded, next) != async::Wake::kReady) co_return std::move(result);
  }
}

}  // namespace net
