#include "net/stream.hpp"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.hpp"
#include "net/errno_text.hpp"

namespace net {

base::Result<std::unique_ptr<Stream>> Stream::Register(async::Loop& loop, Socket socket) {
  std::unique_ptr<Stream> stream(new Stream);
  stream->socket_ = std::move(socket);
  if (!stream->watch_.Open(loop, stream->socket_.fd())) {
    const int error = errno;
    return base::Fail(ErrnoKind(error),
                      base::StrCat("cannot watch a connection: ", ErrnoText(error)));
  }
  return stream;
}

void Stream::LearnAddresses() {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    local_ = Address(reinterpret_cast<const sockaddr*>(&storage), length);
  }
  length = sizeof storage;
  if (getpeername(socket_.fd(), reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    peer_ = Address(reinterpret_cast<const sockaddr*>(&storage), length);
  }
  if (!local_.is_unix()) {
    const int on = 1;
    setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
}

base::Result<std::unique_ptr<Stream>> Stream::Open(async::Loop& loop, Socket socket) {
  auto stream = Register(loop, std::move(socket));
  if (stream) (*stream)->LearnAddresses();
  return stream;
}

Stream::~Stream() {
  if (ssl_) FreeTls();
}

IoResult Stream::Read(std::span<char> buffer) {
  if (aborted_) return {Io::kError, 0, ECONNABORTED};
  if (ssl_) return ReadTls(buffer);
  ssize_t n;
  do {
    n = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    // Drained: more bytes will come with an edge of their own. Not so after a hang-up, whose edge
    // has passed already: the end of the stream has still to be read.
    if (static_cast<size_t>(n) < buffer.size() && !watch_.hung_up()) watch_.set_readable(false);
    return {Io::kOk, static_cast<size_t>(n), 0};
  }
  if (n == 0) return {buffer.empty() ? Io::kOk : Io::kEof, 0, 0};
  if (errno == EAGAIN) {
    watch_.set_readable(false);
    return {Io::kWouldBlock, 0, 0};
  }
  return {Io::kError, 0, errno};
}

IoResult Stream::Peek(std::span<char> buffer) {
  if (aborted_) return {Io::kError, 0, ECONNABORTED};
  if (ssl_) return {Io::kError, 0, EOPNOTSUPP};
  ssize_t n;
  do {
    n = recv(socket_.fd(), buffer.data(), buffer.size(), MSG_PEEK);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    if (static_cast<size_t>(n) < buffer.size() && !watch_.hung_up()) watch_.set_readable(false);
    return {Io::kOk, static_cast<size_t>(n), 0};
  }
  if (n == 0) return {Io::kEof, 0, 0};
  if (errno == EAGAIN) {
    watch_.set_readable(false);
    return {Io::kWouldBlock, 0, 0};
  }
  return {Io::kError, 0, errno};
}

IoResult Stream::Write(std::span<const iovec> pieces) {
  if (aborted_) return {Io::kError, 0, ECONNABORTED};
  if (ssl_) return WriteTls(pieces);
  size_t written = 0;
  while (!pieces.empty()) {
    const auto batch = pieces.first(std::min<size_t>(pieces.size(), IOV_MAX));
    pieces = pieces.subspan(batch.size());
    size_t total = 0;
    for (const iovec& piece : batch) total += piece.iov_len;
    if (total == 0) continue;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(batch.data());
    message.msg_iovlen = batch.size();
    ssize_t n;
    do {
      n = sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) return {Io::kError, 0, errno};
    if (n > 0) written += static_cast<size_t>(n);
    if (n < 0 || static_cast<size_t>(n) < total) {
      watch_.set_writable(false);
      if (written == 0) return {Io::kWouldBlock, 0, 0};
      break;
    }
  }
  return {Io::kOk, written, 0};
}

void Stream::ShutdownWrite() {
  if (aborted_) return;
  if (ssl_) SendCloseNotify();
  shutdown(socket_.fd(), SHUT_WR);
}

void Stream::Abort() {
  if (aborted_) return;
  aborted_ = true;
  // Waits to come end at once; those in flight end with the edge that the shutdown causes.
  watch_.set_readable(true);
  watch_.set_writable(true);
  shutdown(socket_.fd(), SHUT_RDWR);
}

void Stream::SetResetOnClose() {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace net
