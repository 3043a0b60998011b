#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.hpp"
#include "net/errno_text.hpp"
#include "net/socket_options.hpp"
#include "net/stream.hpp"

namespace net {
namespace {

using std::chrono::milliseconds;

std::string Prefix(const Address& address) {
  if (address.is_unix()) return base::StrCat("dial unix ", address.ip(), ": ");
  return base::StrCat("dial tcp ", address.ToString(), ": ");
}

std::unexpected<base::Error> EndOfWait(async::Wake wake, const Address& address) {
  if (wake == async::Wake::kTimeout) {
    return base::Fail(base::Kind::kTimeout, Prefix(address) + "i/o timeout");
  }
  return base::Fail(base::Kind::kCanceled, Prefix(address) + "operation was canceled");
}

std::unexpected<base::Error> CallFailed(const char* call, int error, const Address& address) {
  // Whatever the kernel says about the way to the peer, the peer is what cannot be reached.
  base::Kind kind = ErrnoKind(error);
  if (kind != base::Kind::kExhausted) kind = base::Kind::kUnreachable;
  return base::Fail(kind, base::StrCat(Prefix(address), call, ": ", ErrnoText(error)));
}

}  // namespace

async::Task<base::Result<std::unique_ptr<Stream>>> Dial(const async::Context& context,
                                                        const Address& address) {
  async::Loop& loop = *async::Loop::Current();
  if (context.canceled()) co_return EndOfWait(async::Wake::kCanceled, address);
  if (address.empty()) {
    co_return base::Fail(base::Kind::kInvalidArgument, "dial: the address is empty");
  }
  Socket socket(::socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) co_return CallFailed("socket", errno, address);

  if (!address.is_unix()) SetKeepAlive(socket.fd());
  bool waiting = false;
  for (milliseconds pause{1};; pause = std::min(pause * 2, milliseconds(100))) {
    if (connect(socket.fd(), address.data(), address.size()) == 0) break;
    if (errno == EINPROGRESS || errno == EINTR) {
      waiting = true;
      break;
    }
    if (errno != EAGAIN || !address.is_unix()) co_return CallFailed("connect", errno, address);
    // The backlog of the Unix socket is full and no edge tells when it no longer is.
    const async::Wake wake = co_await async::Sleep(context, loop.After(pause));
    if (wake != async::Wake::kReady) co_return EndOfWait(wake, address);
  }
  // Registered only now: an unconnected socket reports a hang-up.
  auto stream = Stream::Register(loop, std::move(socket));
  if (!stream) {
    co_return base::Fail(stream.error().kind, Prefix(address) + stream.error().message);
  }
  if (waiting) {
    (*stream)->watch_.set_writable(false);
    const async::Wake wake = co_await async::Writable((*stream)->watch_, context);
    if (wake != async::Wake::kReady) co_return EndOfWait(wake, address);
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt((*stream)->socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) co_return CallFailed("connect", error, address);
  }
  (*stream)->LearnAddresses();
  (*stream)->peer_ = address;
  co_return std::move(*stream);
}

}  // namespace net
